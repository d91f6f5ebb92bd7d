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

// The dimensions of operand 0 that index vectors point into, in the order of their components. `beyond`: how far
// indices matter below and above those that are in range.
std::vector<IndexedDim> indexed_dims(const LocalOp& op, const Dims& component_dims, const Dims& windows,
                                     int64_t beyond) {
  const Sharding sharding = operand_sharding(op.context, op.plan, 0);
  std::vector<IndexedDim> dims;
  for (const int64_t dim : component_dims) {
    const auto d = static_cast<size_t>(dim);
    const int64_t last = std::max<int64_t>(op.context.operand_shapes[0].dim(d) - windows[d], 0);
    const Digits digits = is_pointed_into(op, d) ? sharding.dims[d] : Digits{};
    dims.push_back(
        {-beyond, last + beyond, digits, op.operands[0]->shape().dim(d), std::max<int64_t>(windows[d] - 1, 0)});
    // Only where it is cut does a part have another size than the whole, and neighbours.
    if (digits.empty()) dims.back().part = op.context.operand_shapes[0].dim(d), dims.back().margin = 0;
  }
  return dims;
}

bool is_any_cut(const std::vector<IndexedDim>& dims) {
  return std::any_of(dims.begin(), dims.end(), [](const IndexedDim& dim) { return !dim.digits.empty(); });
}

bool has_margins(const std::vector<IndexedDim>& dims) {
  return std::any_of(dims.begin(), dims.end(), [](const IndexedDim& dim) { return dim.margin > 0; });
}

// A part of operand 0 with its margins.
Instruction* with_margins(Instruction* part, const Dims& component_dims, const std::vector<IndexedDim>& dims,
                          Emitter& emitter) {
  for (size_t k = 0; k < dims.size(); ++k) {
    if (dims[k].margin == 0) continue;
    Instruction* nothing = nothing_to_add(part->shape().type(), emitter);
    part = emitter.pad(part, static_cast<size_t>(component_dims[k]), {dims[k].margin, dims[k].margin, 0}, nothing);
  }
  return part;
}

Instruction* without_margins(Instruction* part, const Dims& component_dims, const std::vector<IndexedDim>& dims,
                             Emitter& emitter) {
  for (size_t k = 0; k < dims.size(); ++k) {
    if (dims[k].margin == 0) continue;
    part = emitter.slice(part, static_cast<size_t>(component_dims[k]), dims[k].margin, dims[k].part);
  }
  return part;
}

std::vector<Instruction*> localize_gather(const LocalOp& op) {
  const auto& attrs = op.instruction.attrs<GatherAttrs>();
  const auto vector_dim = static_cast<size_t>(attrs.index_vector_dim);
  const std::vector<IndexedDim> dims = indexed_dims(op, attrs.start_index_map, attrs.slice_sizes, 0);
  if (!is_any_cut(dims)) return localize_plain(op);
  LocalOp local = op;
  local.operands[0] = with_margins(op.operands[0], attrs.start_index_map, dims, op.emitter);
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

// How many elements of each dimension of operand 0 an update spans.
Dims windows_of(const LocalOp& op, const ScatterAttrs& attrs) {
  const Shape& updates = op.context.operand_shapes.back();
  const auto is_in = [](const Dims& dims, size_t d) {
    return std::find(dims.begin(), dims.end(), static_cast<int64_t>(d)) != dims.end();
  };
  Dims windows;
  size_t window = 0;
  for (size_t d = 0; d < op.context.operand_shapes[0].rank(); ++d) {
    const bool spans_one = is_in(attrs.inserted_window_dims, d) || is_in(attrs.input_batching_dims, d);
    windows.push_back(spans_one ? 1 : updates.dim(static_cast<size_t>(attrs.update_window_dims[window++])));
  }
  return windows;
}

// What is written into margins belongs to other devices, which write it too.
std::vector<Instruction*> scatter_with_margins(LocalOp op, ScatterAttrs attrs, const std::vector<IndexedDim>& dims) {
  const size_t number = op.operands.size() / 2;
  const Dims& component_dims = attrs.scatter_dims_to_operand_dims;
  std::vector<Shape> leaves;
  for (size_t i = 0; i < number; ++i) {
    op.operands[i] = with_margins(op.operands[i], component_dims, dims, op.emitter);
    leaves.push_back(op.operands[i]->shape().without_layout());
  }
  attrs.indices_are_sorted = attrs.unique_indices = false;
  std::vector<Instruction*> results = emit_op(op, attrs, leaves);
  for (Instruction*& result : results) result = without_margins(result, component_dims, dims, op.emitter);
  return results;
}

std::vector<Instruction*> localize_scatter(const LocalOp& op) {
  const auto& attrs = op.instruction.attrs<ScatterAttrs>();
  const size_t number = op.operands.size() / 2;
  const auto vector_dim = static_cast<size_t>(attrs.index_vector_dim);
  // Updates that leave the whole anywhere are dropped: one place outside stands for all of them.
  const std::vector<IndexedDim> dims = indexed_dims(op, attrs.scatter_dims_to_operand_dims, windows_of(op, attrs), 1);
  const bool padded = is_padded(op, number);
  if (!is_any_cut(dims) && !padded) return localize_plain(op);
  LocalOp local = op;
  Instruction* indices = localized_indices(op.operands[number], vector_dim, dims, op.emitter);
  if (has_margins(dims)) indices = without_extremes(indices, vector_dim, dims, op.emitter);
  local.operands[number] = padded && !dims.empty() ? without_padding(op, number, indices) : indices;
  return has_margins(dims) ? scatter_with_margins(std::move(local), attrs, dims) : localize_plain(local);
}

}  // namespace

std::vector<Way> ways_of_gather(const Instruction& instruction) { return {{rule_of(instruction), localize_gather}}; }

std::vector<Way> ways_of_scatter(const Instruction& instruction) { return {{rule_of(instruction), localize_scatter}}; }

}  // namespace gshard
