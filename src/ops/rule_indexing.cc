// Rules of the ops that read or write at computed places: dynamic-slice, dynamic-update-slice, gather, scatter.
#include <algorithm>
#include <limits>

#include "ops/reducer.h"
#include "ops/rule_maker.h"

namespace gshard {
namespace {

bool contains(const Dims& dims, int64_t dim) { return std::find(dims.begin(), dims.end(), dim) != dims.end(); }

// Places are computed in s32 on the devices.
bool can_be_indexed(int64_t size) { return size > 1 && size <= std::numeric_limits<int32_t>::max(); }

// What joins the elements that one device has with the zeros of all others.
Reducer joining_reducer(DType type) { return type == DType::pred ? Reducer::or_ : Reducer::add; }

// The dimension of the indices that is the i-th of those that number places (all but the index vector).
int64_t place_dim(size_t i, int64_t index_vector_dim) {
  const auto dim = static_cast<int64_t>(i);
  return dim < index_vector_dim ? dim : dim + 1;
}

}  // namespace

// A dimension that is taken in full has only one place to start from.
Rule rule_dynamic_slice(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const Shape& from = instruction.operand(0)->shape();
  for (size_t d = 0; d < from.rank(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    if (from.dim(d) == instruction.shape().dim(d)) {
      const FactorId id = maker.parallel(from.dim(d));
      maker.operand(0, dim, id);
      maker.result(0, dim, id);
    } else if (can_be_indexed(from.dim(d))) {
      maker.operand(0, dim, maker.factor(FactorKind::indexed, from.dim(d), joining_reducer(from.type())));
    }
  }
  maker.moves_elements();
  return std::move(maker).finish();
}

Rule rule_dynamic_update_slice(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const Shape& update = instruction.operand(1)->shape();
  for (size_t d = 0; d < update.rank(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    const bool full = update.dim(d) == instruction.shape().dim(d);
    const int64_t size = instruction.shape().dim(d);
    const FactorKind kind = full                   ? FactorKind::parallel
                            : can_be_indexed(size) ? FactorKind::indexed
                                                   : FactorKind::whole;
    const FactorId id = maker.factor(kind, size);
    maker.operand(0, dim, id);
    maker.result(0, dim, id);
    if (full) maker.operand(1, dim, id);
  }
  maker.moves_elements(2);
  return std::move(maker).finish();
}

Rule rule_gather(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const auto& attrs = instruction.attrs<GatherAttrs>();
  const Shape& from = instruction.operand(0)->shape();
  const Shape& indices = instruction.operand(1)->shape();

  size_t offset = 0;  // counts the operand's dimensions that the result keeps
  for (size_t d = 0; d < from.rank(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    if (contains(attrs.collapsed_slice_dims, dim) || contains(attrs.operand_batching_dims, dim)) continue;
    const int64_t out = attrs.offset_dims[offset++];
    if (attrs.slice_sizes[d] != from.dim(d)) continue;
    const FactorId id = maker.parallel(from.dim(d));
    maker.operand(0, dim, id);
    maker.result(0, out, id);
  }
  for (const int64_t dim : attrs.start_index_map) {
    const auto d = static_cast<size_t>(dim);
    if (attrs.slice_sizes[d] != 1 || !can_be_indexed(from.dim(d))) continue;
    maker.operand(0, dim, maker.factor(FactorKind::indexed, from.dim(d), joining_reducer(from.type())));
  }
  size_t place = 0;
  for (size_t out = 0; out < maker.result_rank(); ++out) {
    if (contains(attrs.offset_dims, static_cast<int64_t>(out))) continue;
    const int64_t dim = place_dim(place++, attrs.index_vector_dim);
    const FactorId id = maker.parallel(indices.dim(static_cast<size_t>(dim)));
    maker.operand(1, dim, id);
    maker.result(0, static_cast<int64_t>(out), id);
    for (size_t b = 0; b < attrs.start_indices_batching_dims.size(); ++b) {
      if (attrs.start_indices_batching_dims[b] == dim) maker.operand(0, attrs.operand_batching_dims[b], id);
    }
  }
  maker.moves_elements();
  return std::move(maker).finish();
}

// Updates at different places may be applied on different devices and combined afterwards where the combiner is a known
// reducer: the places are reduce factors then.
Rule rule_scatter(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const auto& attrs = instruction.attrs<ScatterAttrs>();
  const size_t inputs = instruction.operand_count() / 2;
  const Shape& into = instruction.operand(0)->shape();
  const Shape& indices = instruction.operand(inputs)->shape();
  const Shape& updates = instruction.operand(inputs + 1)->shape();
  const Reducer reducer = inputs == 1 ? reducer_of(*instruction.callees()[0]) : Reducer::none;
  const auto on_inputs = [&](int64_t dim, FactorId id) {
    for (size_t i = 0; i < inputs; ++i) maker.operand(i, dim, id);
    maker.results(dim, id);
  };
  const auto on_updates = [&](int64_t dim, FactorId id) {
    for (size_t i = 0; i < inputs; ++i) maker.operand(inputs + 1 + i, dim, id);
  };

  size_t window = 0;  // counts the input's dimensions that an update spans
  for (size_t d = 0; d < into.rank(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    if (contains(attrs.input_batching_dims, dim)) continue;
    const bool inserted = contains(attrs.inserted_window_dims, dim);
    const int64_t from = inserted ? -1 : attrs.update_window_dims[window++];
    const int64_t size = inserted ? 1 : updates.dim(static_cast<size_t>(from));
    if (!inserted && size == into.dim(d)) {
      const FactorId id = maker.parallel(into.dim(d));
      on_inputs(dim, id);
      on_updates(from, id);
    } else if (size == 1 && can_be_indexed(into.dim(d)) && contains(attrs.scatter_dims_to_operand_dims, dim)) {
      on_inputs(dim, maker.factor(FactorKind::indexed, into.dim(d)));
    } else {
      on_inputs(dim, maker.whole(into.dim(d)));
    }
  }
  size_t place = 0;
  for (size_t u = 0; u < updates.rank(); ++u) {
    if (contains(attrs.update_window_dims, static_cast<int64_t>(u))) continue;
    const int64_t dim = place_dim(place++, attrs.index_vector_dim);
    const int64_t size = indices.dim(static_cast<size_t>(dim));
    const auto* batching =
        std::find(attrs.scatter_indices_batching_dims.begin(), attrs.scatter_indices_batching_dims.end(), dim);
    const bool batched = batching != attrs.scatter_indices_batching_dims.end();
    const FactorKind kind = batched                    ? FactorKind::parallel
                            : reducer == Reducer::none ? FactorKind::whole
                                                       : FactorKind::reduce;
    const FactorId id = maker.factor(kind, size, batched ? Reducer::none : reducer);
    maker.operand(inputs, dim, id);
    on_updates(static_cast<int64_t>(u), id);
    if (batched)
      on_inputs(attrs.input_batching_dims[static_cast<size_t>(batching - attrs.scatter_indices_batching_dims.begin())],
                id);
  }
  if (reducer != Reducer::none) maker.linearity() = {0b101, 0, reducer};
  maker.set_index_operand(inputs);
  return std::move(maker).finish();
}

}  // namespace gshard
