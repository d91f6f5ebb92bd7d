#include "shard/way.h"

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

// The rule where parts cannot be had from neighbours: the loops that would need that are done whole.
Rule without_shifts(Rule rule) {
  for (Factor& factor : rule.factors) {
    if (factor.kind == FactorKind::shift || factor.kind == FactorKind::flat) factor.kind = FactorKind::whole;
  }
  return rule;
}

}  // namespace

std::vector<Way> ways_of(const Instruction& instruction) {
  switch (instruction.op()) {
    case Op::gather:
      return ways_of_gather(instruction);
    case Op::scatter:
      return ways_of_scatter(instruction);
    case Op::dynamic_slice:
      return ways_of_dynamic_slice(instruction);
    case Op::dynamic_update_slice:
      return ways_of_dynamic_update_slice(instruction);
    default:
      return {{without_shifts(rule_of(instruction)), localize_plain}};
  }
}

std::vector<Instruction*> localize_plain(const LocalOp& op) {
  std::vector<Shape> leaves;
  for (size_t leaf = 0; leaf < op.context.result_shapes.size(); ++leaf) leaves.push_back(op.result_shape(leaf));
  const Shape shape = op.instruction.shape().is_tuple() ? Shape::tuple(leaves) : leaves[0];
  Instruction* result = op.emitter.computation().add(op.instruction.op(), shape, op.operands, localized_attributes(op),
                                                     op.instruction.name());
  for (const Computation* callee : op.instruction.callees()) {
    result->mutable_callees().push_back(op.emitter.program().copied(*callee));
  }
  return op.emitter.leaves_of(result);
}

}  // namespace gshard
