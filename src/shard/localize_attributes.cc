#include "shard/localize_attributes.h"

#include "shard/plan.h"

namespace gshard {
namespace {

struct Localizer {
  const LocalOp& op;
  const Shape local_result;

  bool is_cut(const DimFactors& factors) const {
    for (const FactorId f : factors) {
      if (!op.plan.cut[static_cast<size_t>(f)].empty()) return true;
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
      if (is_cut(op.plan.way->rule.results[0][d])) attrs.slice.limits[d] = local_result.dim(d);
    }
    return attrs;
  }
  Attributes operator()(DynamicSliceAttrs attrs) const {
    attrs.dynamic_slice_sizes = local_result.dims();
    return attrs;
  }
  Attributes operator()(GatherAttrs attrs) const {
    const Dims& whole = op.instruction.operand(0)->shape().dims();
    const Dims& local = op.operands[0]->shape().dims();
    for (size_t d = 0; d < local.size(); ++d) {
      if (attrs.slice_sizes[d] == whole[d]) attrs.slice_sizes[d] = local[d];
    }
    return attrs;
  }
  Attributes operator()(CollectiveAttrs attrs) const {
    if (attrs.channel_id) attrs.channel_id = op.emitter.program().next_channel();
    return attrs;
  }
  // Groups are cut as the major part of the kernel's output features; their factors come first in the rule.
  Attributes operator()(ConvolutionAttrs attrs) const {
    size_t f = 0;
    if (attrs.feature_group_count > 1) attrs.feature_group_count /= op.emitter.mesh().size_of(op.plan.cut[f++]);
    if (attrs.batch_group_count > 1) attrs.batch_group_count /= op.emitter.mesh().size_of(op.plan.cut[f]);
    return attrs;
  }
};

}  // namespace

Attributes localized_attributes(const LocalOp& op) {
  const bool has_results = !op.context.result_shapes.empty();  // an empty tuple has none
  return std::visit(Localizer{op, has_results ? op.result_shape() : Shape()}, op.instruction.attributes());
}

}  // namespace gshard
