#include "shard/localize_attributes.h"

namespace gshard {
namespace {

struct Localizer {
  const Instruction& instruction;
  const OpPlan& plan;
  const Rule& rule;
  const Shape& local_result;
  const Mesh& mesh;

  bool is_cut(const DimFactors& factors) const {
    for (const FactorId f : factors) {
      if (!plan.cut[static_cast<size_t>(f)].empty()) return true;
    }
    return false;
  }

  // Attributes without sizes are as they were.
  template <class Struct>
  Attributes operator()(const Struct& attrs) const {
    return attrs;
  }

  // A dimension that is cut is taken in full.
  Attributes operator()(SliceAttrs attrs) const {
    for (size_t d = 0; d < local_result.rank(); ++d) {
      if (is_cut(rule.results[0][d])) attrs.slice.limits[d] = local_result.dim(d);
    }
    return attrs;
  }
  Attributes operator()(DynamicSliceAttrs attrs) const {
    attrs.dynamic_slice_sizes = local_result.dims();
    return attrs;
  }
  Attributes operator()(GatherAttrs attrs) const {
    const Sharding operand = sharding_under(plan, rule.operands[0]);
    const Dims local = shard_sizes(instruction.operand(0)->shape().dims(), operand, mesh);
    for (size_t d = 0; d < local.size(); ++d) {
      if (attrs.slice_sizes[d] == instruction.operand(0)->shape().dim(d)) attrs.slice_sizes[d] = local[d];
    }
    return attrs;
  }
  // Groups are cut as the major part of the kernel's output features; their factors come first in the rule.
  Attributes operator()(ConvolutionAttrs attrs) const {
    size_t f = 0;
    if (attrs.feature_group_count > 1) attrs.feature_group_count /= mesh.size_of(plan.cut[f++]);
    if (attrs.batch_group_count > 1) attrs.batch_group_count /= mesh.size_of(plan.cut[f]);
    return attrs;
  }
};

}  // namespace

Attributes localized_attributes(const Instruction& instruction, const OpPlan& plan, const Rule& rule,
                                const Shape& local_result, const Mesh& mesh) {
  return std::visit(Localizer{instruction, plan, rule, local_result, mesh}, instruction.attributes());
}

}  // namespace gshard
