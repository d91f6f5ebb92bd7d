#include "eval/lane_program.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace gshard {
namespace {

// Calls are compiled in place; what grows beyond this by nested calls is evaluated lane by lane.
constexpr size_t kMaxInstructions = 4096;

size_t size_of(DType type) { return static_cast<size_t>(bytes_of(type)); }

std::vector<DType> scalar_types(const Shape& shape) {
  if (!shape.is_tuple()) return {shape.type()};
  std::vector<DType> types;
  for (const Shape& element : shape.elements()) types.push_back(element.type());
  return types;
}

}  // namespace

LaneProgram::LaneProgram(Evaluator& evaluator, const Computation& computation)
    : evaluator_(evaluator), computation_(computation), result_types_(scalar_types(computation.root()->shape())) {
  std::vector<Slot> arguments;
  for (const Instruction* parameter : computation.parameters()) {
    argument_types_.push_back(parameter->shape().type());
    slot_types_.push_back(parameter->shape().type());
    slots_.push_back(nullptr);
    arguments.push_back(arguments.size());
  }
  results_ = compile(computation, arguments);
}

LaneProgram::Slot LaneProgram::add_slot(DType type) {
  memory_.push_back(std::make_unique<std::byte[]>(kLanes * size_of(type)));
  slots_.push_back(memory_.back().get());
  slot_types_.push_back(type);
  return slots_.size() - 1;
}

LaneProgram::Slot LaneProgram::add_constant(const Literal& value) {
  const Slot slot = add_slot(value.shape().type());
  const size_t size = size_of(value.shape().type());
  for (size_t i = 0; i < kLanes; ++i) std::memcpy(slots_[slot] + i * size, value.bytes(), size);
  return slot;
}

std::vector<LaneProgram::Slot> LaneProgram::compile(const Computation& computation, std::span<const Slot> arguments) {
  std::unordered_map<const Instruction*, std::vector<Slot>> values;
  for (const auto& owned : computation.instructions()) {
    if (++compiled_ > kMaxInstructions) return {};
    const Instruction& instruction = *owned;
    std::vector<Slot> operands;
    for (const Instruction* operand : instruction.operands()) {
      operands.insert(operands.end(), values[operand].begin(), values[operand].end());
    }
    std::vector<Slot>& value = values[&instruction];
    const bool is_scalar = instruction.shape().is_scalar();
    if (instruction.op() == Op::parameter && is_scalar) {
      value = {arguments[static_cast<size_t>(instruction.attrs<ParameterAttrs>().number)]};
    } else if (instruction.op() == Op::constant && is_scalar && !instruction.attrs<ConstantAttrs>().value.is_elided()) {
      value = {add_constant(instruction.attrs<ConstantAttrs>().value)};
    } else if (instruction.op() == Op::tuple) {
      value = operands;
    } else if (instruction.op() == Op::get_tuple_element && is_scalar) {
      value = {operands[static_cast<size_t>(instruction.attrs<TupleIndexAttrs>().index)]};
    } else if (instruction.op() == Op::call || instruction.op() == Op::fusion) {
      value = compile(*instruction.callees()[0], operands);
      if (value.empty()) return {};
    } else if (is_scalar && is_pointwise(instruction)) {
      Step step{pointwise_op(instruction), {}, add_slot(instruction.shape().type())};
      std::copy(operands.begin(), operands.end(), step.in.begin());
      steps_.push_back(step);
      value = {step.out};
    } else {
      return {};
    }
  }
  return values[computation.root()];
}

void LaneProgram::run(std::span<const std::byte* const> arguments, std::span<std::byte* const> results, size_t n) {
  if (results_.empty()) return run_lane_by_lane(arguments, results, n);
  // Slots of arguments are only read.
  for (size_t i = 0; i < arguments.size(); ++i) slots_[i] = const_cast<std::byte*>(arguments[i]);
  for (const Step& step : steps_) {
    const std::array<const std::byte*, 3> in = {slots_[step.in[0]], slots_[step.in[1]], slots_[step.in[2]]};
    step.op.run(std::span(in).first(step.op.arity), slots_[step.out], n);
  }
  // A result that is an argument may be overwritten by another result before it is copied.
  const auto is_argument = [&](Slot slot) { return slot < argument_types_.size(); };
  std::vector<std::vector<std::byte>> kept;
  for (const Slot slot : results_) {
    if (!is_argument(slot) || results_.size() == 1) continue;
    kept.emplace_back(slots_[slot], slots_[slot] + n * size_of(slot_types_[slot]));
  }
  size_t next_kept = 0;
  for (size_t j = 0; j < results_.size(); ++j) {
    const bool keeps = is_argument(results_[j]) && results_.size() > 1;
    const std::byte* from = keeps ? kept[next_kept++].data() : slots_[results_[j]];
    if (from != results[j]) std::memmove(results[j], from, n * size_of(result_types_[j]));
  }
}

void LaneProgram::run_lane_by_lane(std::span<const std::byte* const> arguments, std::span<std::byte* const> results,
                                   size_t n) {
  // An argument may be overwritten by a result: all lanes' results are written at the end.
  std::vector<std::vector<std::byte>> written(result_types_.size());
  for (size_t lane = 0; lane < n; ++lane) {
    std::vector<Literal> scalars;
    for (size_t i = 0; i < arguments.size(); ++i) {
      scalars.push_back(Literal::uninitialized(Shape(argument_types_[i])));
      const size_t size = size_of(argument_types_[i]);
      std::memcpy(scalars.back().mutable_bytes(), arguments[i] + lane * size, size);
    }
    const Literal result = evaluator_.call_unobserved(computation_, std::move(scalars));
    for (size_t j = 0; j < result_types_.size(); ++j) {
      const std::byte* bytes = result.shape().is_tuple() ? result.elements()[j].bytes() : result.bytes();
      written[j].insert(written[j].end(), bytes, bytes + size_of(result_types_[j]));
    }
  }
  for (size_t j = 0; j < written.size(); ++j) std::copy(written[j].begin(), written[j].end(), results[j]);
}

}  // namespace gshard
