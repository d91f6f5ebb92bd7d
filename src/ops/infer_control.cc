// Types of the ops that hold a program together: parameters, constants, tuples, calls, loops, branches, tokens.
#include "ops/custom_call.h"
#include "ops/infer.h"

namespace gshard {
namespace {

std::vector<Shape> operand_shapes(const Instruction& i) {
  std::vector<Shape> shapes;
  for (const Instruction* operand : i.operands()) shapes.push_back(operand->shape());
  return shapes;
}

// Operand 0 of async-update and async-done: ((operands), result, contexts...).
const Shape& async_state(const Instruction& i) {
  const Shape& state = i.operand(0)->shape();
  require(state.is_tuple() && state.tuple_size() >= 2, i, "operand 0 is {}, must be the tuple of an async-start",
          state);
  return state;
}

}  // namespace

Shape infer_declared(const Instruction& i) { return i.shape(); }

Shape infer_constant(const Instruction& i) { return i.attrs<ConstantAttrs>().value.shape(); }

Shape infer_tuple(const Instruction& i) { return Shape::tuple(operand_shapes(i)); }

Shape infer_get_tuple_element(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const int64_t index = i.attrs<TupleIndexAttrs>().index;
  require(operand.is_tuple(), i, "operand 0 is {}, must be a tuple", operand);
  require(index >= 0 && index < static_cast<int64_t>(operand.tuple_size()), i,
          "index {} is outside of {}, which has {} elements", index, operand, operand.tuple_size());
  return operand.element(static_cast<size_t>(index));
}

Shape infer_add_dependency(const Instruction& i) {
  const Shape& token = i.operand(1)->shape();
  require(token.is_token(), i, "operand 1 is {}, must be token[]", token);
  return i.operand(0)->shape();
}

Shape infer_after_all(const Instruction& i) {
  for (size_t k = 0; k < i.operand_count(); ++k) {
    const Shape& token = i.operand(k)->shape();
    require(token.is_token(), i, "operand {} is {}, must be token[]", k, token);
  }
  return Shape::token();
}

// ---- calls
// ------------------------------------------------------------------------------------------------------------

Shape infer_call(const Instruction& i) { return callee_result(i, 0, operand_shapes(i)); }

Shape infer_while(const Instruction& i) {
  const std::vector<Shape> state = operand_shapes(i);
  const Shape& condition = callee_result(i, 0, state);
  require(condition == Shape(DType::pred), i, "condition %{} returns {}, must return pred[]", i.callees()[0]->name(),
          condition);
  const Shape& body = callee_result(i, 1, state);
  require(body == state[0], i, "body %{} returns {}, the loop's state is {}", i.callees()[1]->name(), body, state[0]);
  return state[0];
}

Shape infer_conditional(const Instruction& i) {
  const Shape& selector = i.operand(0)->shape();
  require(selector == Shape(DType::pred) || selector == Shape(DType::s32), i,
          "operand 0 is {}, must be pred[] or s32[]", selector);
  const size_t branches = i.callees().size();
  require(branches >= 1, i, "has no branches");
  require(selector.type() != DType::pred || branches == 2, i, "a pred[] selects between two branches, has {}",
          branches);
  require(i.operand_count() == branches + 1, i, "has {} branches and {} operands for them", branches,
          i.operand_count() - 1);
  const auto result_of = [&](size_t b) -> const Shape& {
    return callee_result(i, b, std::span(&i.operand(b + 1)->shape(), 1));
  };
  const Shape& first = result_of(0);
  for (size_t b = 1; b < branches; ++b) {
    const Shape& result = result_of(b);
    require(result == first, i, "branch %{} returns {}, branch %{} returns {}", i.callees()[0]->name(), first,
            i.callees()[b]->name(), result);
  }
  return first;
}

namespace {

// As the op says whose former name is the target.
Shape infer_pointwise_call(const Instruction& i) {
  Instruction pointwise(pointwise_op_of(i), i.shape(), i.name());
  pointwise.mutable_operands() = i.operands();
  if (row_of(pointwise.op()).attributes == attributes<AccuracyAttrs>()) pointwise.set_attributes(AccuracyAttrs{});
  try {
    return infer_shape(pointwise);
  } catch (const Error& error) {
    throw Error::program(fmt::format("custom-call: {}", error.what()));
  }
}

// (values, indices); how many of each row is declared.
Shape infer_topk_call(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  require(operand.is_array() && !is_complex(operand.type()), i, "TopK cannot order {}", operand);
  Dims dims = operand.dims();
  dims.back() = topk_attributes_of(i).k;
  return Shape::tuple({operand.with_dims(dims), Shape(DType::s32, dims)});
}

}  // namespace

Shape infer_custom_call(const Instruction& i) {
  const auto& a = i.attrs<CustomCallAttrs>();
  if (a.operand_layout_constraints) {
    const std::vector<Shape>& constraints = *a.operand_layout_constraints;
    require(constraints.size() == i.operand_count(), i, "operand_layout_constraints name {} shapes, has {} operands",
            constraints.size(), i.operand_count());
    for (size_t k = 0; k < constraints.size(); ++k) {
      const Shape& operand = i.operand(k)->shape();
      require(operand == constraints[k], i, "operand {} is {}, operand_layout_constraints say {}", k, operand,
              constraints[k]);
    }
  }
  // Annotations pass their operand on.
  if (a.custom_call_target == "Sharding" || a.custom_call_target == "xla.sdy.FuncResultSharding") {
    require(i.operand_count() == 1, i, "{} has {} operands, must have 1", a.custom_call_target, i.operand_count());
    return infer_same_as_operand(i);
  }
  const KnownCall known = known_call_of(i);
  if (known == KnownCall::pointwise) return infer_pointwise_call(i);
  return known == KnownCall::topk ? infer_topk_call(i) : infer_declared(i);
}

// ---- asynchronous calls
// -----------------------------------------------------------------------------------------------

Shape infer_async_start(const Instruction& i) {
  const std::vector<Shape> operands = operand_shapes(i);
  const Shape& result = callee_result(i, 0, operands);
  const Shape& declared = i.shape();
  require(declared.is_tuple() && declared.tuple_size() >= 2, i,
          "the result is {}, must be a tuple of the operands, the result {} and contexts", declared, result);
  std::vector<Shape> state = declared.elements();
  state[0] = Shape::tuple(operands);
  state[1] = result;
  return Shape::tuple(std::move(state));
}

Shape infer_async_update(const Instruction& i) { return async_state(i); }

Shape infer_async_done(const Instruction& i) { return async_state(i).element(1); }

}  // namespace gshard
