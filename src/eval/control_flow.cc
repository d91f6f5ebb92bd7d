// Ops that pass values on or run other computations.
#include <algorithm>
#include <iterator>

#include "base/hash.h"
#include "eval/elements.h"
#include "eval/evaluator.h"

namespace gshard {
namespace {

std::vector<Literal> taken(std::span<Literal> operands) {
  return {std::make_move_iterator(operands.begin()), std::make_move_iterator(operands.end())};
}

// A tuple that starts with `elements` and has zeros for whatever else `shape` has (contexts of asynchronous ops).
Literal tuple_of(const Shape& shape, std::vector<Literal> elements) {
  for (size_t i = elements.size(); i < shape.tuple_size(); ++i) elements.emplace_back(shape.element(i));
  return Literal::tuple(std::move(elements));
}

}  // namespace

Literal made_up_constant(const Instruction& constant, uint64_t seed) {
  for (const std::string& name : {constant.parent()->name(), constant.name()}) {
    for (const char c : name) hash_combine(seed, static_cast<unsigned char>(c));
  }
  return made_up_value(constant.attrs<ConstantAttrs>().value.shape(), seed);
}

// ---- values -----------------------------------------------------------------------------------------------------

// The walk itself hands out parameters and elements of tuples.
Literal eval_parameter(const Instruction& instruction, std::span<Literal>, Evaluator&) {
  GSHARD_CHECK(false, instruction.name());
  return {};
}

Literal eval_get_tuple_element(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  return operands[0].take_element(static_cast<size_t>(instruction.attrs<TupleIndexAttrs>().index));
}

Literal eval_constant(const Instruction& instruction, std::span<Literal>, Evaluator& evaluator) {
  const Literal& value = instruction.attrs<ConstantAttrs>().value;
  if (!value.is_elided()) return value;
  if (evaluator.options().make_up_constants) return made_up_constant(instruction, evaluator.options().seed);
  throw evaluation_error(instruction, "the text left out the values of " + value.shape().to_string() +
                                          "; print the module with large constants, or make them up: "
                                          "gshard run --make-up-constants");
}

Literal eval_tuple(const Instruction&, std::span<Literal> operands, Evaluator&) {
  return Literal::tuple(taken(operands));
}

// Ops that are the identity on their first operand, where everything is in one memory and happens in order.
#define GSHARD_IDENTITY(op) \
  Literal eval_##op(const Instruction&, std::span<Literal> operands, Evaluator&) { return std::move(operands[0]); }
GSHARD_IDENTITY(add_dependency)
GSHARD_IDENTITY(async_update)
GSHARD_IDENTITY(copy)
GSHARD_IDENTITY(domain)
#undef GSHARD_IDENTITY

Literal eval_opt_barrier(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const bool is_one = operands.size() == 1 && operands[0].shape() == instruction.shape();
  return is_one ? std::move(operands[0]) : Literal::tuple(taken(operands));
}

Literal eval_after_all(const Instruction&, std::span<Literal>, Evaluator&) { return Literal(Shape::token()); }

Literal eval_copy_start(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  return tuple_of(instruction.shape(), {operands[0], operands[0]});
}
Literal eval_copy_done(const Instruction&, std::span<Literal> operands, Evaluator&) {
  return operands[0].take_element(0);
}

// ---- calls ------------------------------------------------------------------------------------------------------

Literal eval_call(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  return evaluator.call(*instruction.callees()[0], taken(operands));
}

Literal eval_fusion(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  return evaluator.call(*instruction.callees()[0], taken(operands));
}

// ((operands), result, contexts...): the work is done at the start.
Literal eval_async_start(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  std::vector<Literal> arguments = taken(operands);
  Literal kept = Literal::tuple(arguments);
  Literal result = evaluator.call(*instruction.callees()[0], std::move(arguments));
  return tuple_of(instruction.shape(), {std::move(kept), std::move(result)});
}
Literal eval_async_done(const Instruction&, std::span<Literal> operands, Evaluator&) {
  return operands[0].take_element(1);
}

Literal eval_map(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const int64_t count = instruction.shape().element_count();
  std::vector<Literal> arguments;
  for (Literal& operand : operands) {
    const Shape flat(operand.shape().type(), {count});
    arguments.push_back(std::move(operand).reshaped(flat));
  }
  std::vector<Literal> results = evaluator.call_lifted(*instruction.callees()[0], std::move(arguments), count);
  return std::move(results[0]).reshaped(instruction.shape());
}

Literal eval_while_(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const Computation& condition = *instruction.callees()[0];
  const Computation& body = *instruction.callees()[1];
  // The state has one owner at any time: the condition's view of it ends before the body may overwrite it.
  Literal state = std::move(operands[0]);
  while (integer_at(evaluator.call(condition, {state}), 0) != 0) {
    std::vector<Literal> arguments;
    arguments.push_back(std::move(state));
    state = evaluator.call(body, std::move(arguments));
  }
  return state;
}

Literal eval_conditional(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const auto branches = static_cast<int64_t>(instruction.callees().size());
  int64_t branch = integer_at(operands[0], 0);
  if (operands[0].shape().type() == DType::pred) branch = branch != 0 ? 0 : 1;
  if (branch < 0 || branch >= branches) branch = branches - 1;
  std::vector<Literal> arguments;
  arguments.push_back(std::move(operands[static_cast<size_t>(branch) + 1]));
  for (Literal& operand : operands) operand = Literal();
  return evaluator.call(*instruction.callees()[static_cast<size_t>(branch)], std::move(arguments));
}

}  // namespace gshard
