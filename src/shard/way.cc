#include "shard/way.h"

#include <algorithm>

#include "shard/localize_attributes.h"
#include "shard/plan.h"
#include "shard/ways.h"

namespace gshard {

Shape LocalOp::result_shape(size_t leaf) const {
  const Shape& whole = context.result_shapes[leaf];
  if (!whole.is_array()) return whole;
  return Shape(whole.type(), shard_sizes(whole.dims(), result_sharding(context, plan, leaf), emitter.mesh()));
}

namespace {

// The rule where parts cannot be had from others: the loops that would need that are done whole.
Rule without_others(Rule rule) {
  for (Factor& factor : rule.factors) {
    if (factor.kind != FactorKind::parallel && factor.kind != FactorKind::reduce) factor.kind = FactorKind::whole;
  }
  return rule;
}

// Where there is nothing to do, nothing is worth thought.
bool has_empty_arrays(const Instruction& instruction) {
  const auto is_empty = [](const Shape& shape) { return shape.is_array() && shape.element_count() == 0; };
  const auto& operands = instruction.operands();
  return is_empty(instruction.shape()) ||
         std::any_of(operands.begin(), operands.end(), [&](const Instruction* i) { return is_empty(i->shape()); });
}

}  // namespace

Way plain_way(const Instruction& instruction) { return {without_others(rule_of(instruction)), localize_plain}; }

std::vector<Way> ways_of(const Instruction& instruction) {
  if (has_empty_arrays(instruction)) return {plain_way(instruction)};
  switch (instruction.op()) {
    case Op::dot:
      return ways_of_dot(instruction);
    case Op::gather:
      return ways_of_gather(instruction);
    case Op::scatter:
      return ways_of_scatter(instruction);
    case Op::dynamic_slice:
      return ways_of_dynamic_slice(instruction);
    case Op::dynamic_update_slice:
      return ways_of_dynamic_update_slice(instruction);
    case Op::slice:
    case Op::pad:
      return ways_of_windowed(instruction);
    case Op::reduce_window:
      return ways_of_reduce_window(instruction);
    case Op::convolution:
      return ways_of_convolution(instruction);
    case Op::select_and_scatter:
      return ways_of_select_and_scatter(instruction);
    case Op::reverse:
      return ways_of_reverse(instruction);
    case Op::concatenate:
      return ways_of_concatenate(instruction);
    case Op::reshape:
      return ways_of_reshape(instruction);
    case Op::bitcast:
      return ways_of_bitcast(instruction);
    case Op::rng_bit_generator:
      return ways_of_rng_bit_generator(instruction);
    case Op::topk:
      return ways_of_topk(instruction);
    case Op::reduce:
      return ways_of_reduce(instruction);
    case Op::custom_call:
      return ways_of_custom_call(instruction);
    default:
      return {plain_way(instruction)};
  }
}

std::vector<Instruction*> localize_plain(const LocalOp& op) {
  std::vector<Shape> leaves;
  for (size_t leaf = 0; leaf < op.context.result_shapes.size(); ++leaf) leaves.push_back(op.result_shape(leaf));
  return emit_op(op, localized_attributes(op), leaves);
}

namespace {

// The structure of `shape` with the next leaves.
Shape with_leaves(const Shape& shape, const std::vector<Shape>& leaves, size_t& next) {
  if (!shape.is_tuple()) return leaves[next++];
  std::vector<Shape> elements;
  for (const Shape& element : shape.elements()) elements.push_back(with_leaves(element, leaves, next));
  return Shape::tuple(std::move(elements));
}

}  // namespace

std::vector<Instruction*> emit_op(const LocalOp& op, Attributes attributes, const std::vector<Shape>& leaves) {
  size_t next = 0;
  const Shape shape = with_leaves(op.instruction.shape(), leaves, next);
  Instruction* result = op.emitter.computation().add(op.instruction.op(), shape, op.operands, std::move(attributes),
                                                     op.instruction.name());
  for (const Computation* callee : op.instruction.callees()) {
    result->mutable_callees().push_back(op.emitter.program().copied(*callee));
  }
  return op.emitter.leaves_of(result);
}

}  // namespace gshard
