// Gather and scatter along dimensions that are cut: each device does what falls into its part.
#include <algorithm>

#include "shard/local_indices.h"
#include "shard/plan.h"
#include "shard/ways.h"

namespace gshard {
namespace {

// Whether a cut of a dimension of operand 0 parts the places that indices may name: those that are found at run time,
// and those visited in step with the indices. One that windows span whole is cut with them, and they start at 0 on
// every device.
bool is_pointed_into(const LocalOp& op, size_t d) {
  const Rule& rule = op.plan.way->rule;
  const FactorId factor = rule.operands[0][d][0];
  if (rule.factors[static_cast<size_t>(factor)].kind == FactorKind::indexed) return true;
  const TensorFactors& indices = rule.operands[op.operands.size() / 2];
  return std::any_of(indices.begin(), indices.end(), [&](const DimFactors& dim) { return dim[0] == factor; });
}

// The dimensions of operand 0 that index vectors point into, in the order of their components. `lowest` and
// `margin`: how far indices matter below and above those that are in range.
std::vector<IndexedDim> indexed_dims(const LocalOp& op, const Dims& component_dims, const Dims& windows,
                                     int64_t margin) {
  const Sharding sharding = operand_sharding(op.context, op.plan, 0);
  std::vector<IndexedDim> dims;
  for (const int64_t dim : component_dims) {
    const auto d = static_cast<size_t>(dim);
    const int64_t last = std::max<int64_t>(op.context.operand_shapes[0].dim(d) - windows[d], 0);
    const Digits digits = is_pointed_into(op, d) ? sharding.dims[d] : Digits{};
    dims.push_back({-margin, last + margin, digits, op.operands[0]->shape().dim(d)});
    // Only where it is cut does a part have another size than the whole.
    if (dims.back().digits.empty()) dims.back().part = op.context.operand_shapes[0].dim(d);
  }
  return dims;
}

bool is_any_cut(const std::vector<IndexedDim>& dims) {
  return std::any_of(dims.begin(), dims.end(), [](const IndexedDim& dim) { return !dim.digits.empty(); });
}

std::vector<Instruction*> localize_gather(const LocalOp& op) {
  const auto& attrs = op.instruction.attrs<GatherAttrs>();
  const auto vector_dim = static_cast<size_t>(attrs.index_vector_dim);
  const std::vector<IndexedDim> dims = indexed_dims(op, attrs.start_index_map, attrs.slice_sizes, 0);
  if (!is_any_cut(dims)) return localize_plain(op);
  LocalOp local = op;
  local.operands[1] = localized_indices(op.operands[1], vector_dim, dims, op.emitter);
  Instruction* rows = localize_plain(local)[0];
  if (!is_any_indexed_cut(op)) return {rows};

  Instruction* inside = points_inside(local.operands[1], vector_dim, dims, op.emitter);
  DimensionsAttrs batch;
  for (size_t d = 0; d < rows->shape().rank(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    const Dims& offsets = attrs.offset_dims;
    if (std::find(offsets.begin(), offsets.end(), dim) == offsets.end()) batch.dimensions.push_back(dim);
  }
  const Shape flags(DType::pred, rows->shape().dims());
  Instruction* mine = op.emitter.add(Op::broadcast, flags, {inside}, batch);
  Instruction* none =
      op.emitter.broadcast_scalar(nothing_to_add(rows->shape().type(), op.emitter), rows->shape().without_layout());
  return {op.emitter.add(Op::select, rows->shape().without_layout(), {mine, rows, none})};
}

// The places of updates that are padding point outside.
Instruction* without_padding(const LocalOp& op, size_t number, Instruction* indices) {
  const Shape& whole = op.context.operand_shapes[number];
  const Sharding sharding = operand_sharding(op.context, op.plan, number);
  for (size_t d = 0; d < whole.rank(); ++d) {
    if (sharding.dims[d].empty()) continue;
    indices = op.emitter.mask(indices, d, sharding.dims[d], whole.dim(d), op.emitter.scalar_s32(-1));
  }
  return indices;
}

bool is_padded(const LocalOp& op, size_t number) {
  const Shape& whole = op.context.operand_shapes[number];
  const Sharding sharding = operand_sharding(op.context, op.plan, number);
  for (size_t d = 0; d < whole.rank(); ++d) {
    if (whole.dim(d) % sharding.pieces(d, op.emitter.mesh()) != 0) return true;
  }
  return false;
}

std::vector<Instruction*> localize_scatter(const LocalOp& op) {
  const auto& attrs = op.instruction.attrs<ScatterAttrs>();
  const size_t number = op.operands.size() / 2;
  // Updates that leave the whole anywhere are dropped: one place outside stands for all of them.
  const Dims windows(op.operands[0]->shape().rank(), 1);
  const std::vector<IndexedDim> dims = indexed_dims(op, attrs.scatter_dims_to_operand_dims, windows, 1);
  const bool padded = is_padded(op, number);
  if (!is_any_cut(dims) && !padded) return localize_plain(op);
  LocalOp local = op;
  Instruction* indices =
      localized_indices(op.operands[number], static_cast<size_t>(attrs.index_vector_dim), dims, op.emitter);
  local.operands[number] = padded && !dims.empty() ? without_padding(op, number, indices) : indices;
  return localize_plain(local);
}

}  // namespace

std::vector<Way> ways_of_gather(const Instruction& instruction) { return {{rule_of(instruction), localize_gather}}; }

std::vector<Way> ways_of_scatter(const Instruction& instruction) { return {{rule_of(instruction), localize_scatter}}; }

}  // namespace gshard
