// Gradients of gathers and scatters.
#include <algorithm>

#include "autodiff/gradients.h"
#include "ops/build.h"
#include "ops/constants.h"
#include "ops/counting.h"

namespace gshard {
namespace {

// The last place at which a window fits, for each component of an index vector, in the order of the vectors.
Dims last_places(const Shape& array, const Dims& window, const Dims& index_map) {
  Dims last;
  for (const int64_t d : index_map) last.push_back(array.dim(static_cast<size_t>(d)) - window[static_cast<size_t>(d)]);
  return last;
}

int64_t highest_index(DType type) {
  const int bits = bits_of(type) - (is_signed_int(type) ? 1 : 0);
  return bits >= 63 ? INT64_MAX : (int64_t{1} << bits) - 1;
}

// `limit` along one dimension of an array of these sizes.
Value limits_like(Value indices, int64_t vector_dim, const Dims& limits) {
  const int64_t highest = highest_index(indices.type());
  const auto capped = [&](int64_t limit) { return static_cast<double>(std::min(limit, highest)); };
  Computation& in = indices.computation();
  std::vector<Value> parts;
  for (const int64_t limit : limits) parts.push_back(reshape(constant(in, indices.type(), capped(limit)), {1}));
  const Value all = parts.size() == 1 ? parts[0] : concatenate(parts, 0);
  if (vector_dim == static_cast<int64_t>(indices.rank())) return broadcast(reshape(all, {}), indices.dims(), {});
  return broadcast(all, indices.dims(), {vector_dim});
}

// Whether a component of the index vectors counts up along a dimension no longer than `count` places.
bool counts_within(Value indices, int64_t vector_dim, size_t component, int64_t count) {
  const std::optional<int64_t> dim = counting_dim(*indices.instruction(), vector_dim, component);
  return dim && indices.dim(static_cast<size_t>(*dim)) <= count;
}

// The indices that a gather really reads: those beyond the last place read there. What counts up within bounds is left
// as it is, for a partitioner to see.
Value clamped(Value indices, int64_t vector_dim, const Dims& last) {
  const auto all_count = [&] {
    for (size_t k = 0; k < last.size(); ++k) {
      if (!counts_within(indices, vector_dim, k, last[k] + 1)) return false;
    }
    return true;
  };
  if (last.empty() || all_count()) return indices;
  const bool is_put_together =
      indices->op() == Op::concatenate && indices->attrs<DimensionsAttrs>().dimensions[0] == vector_dim;
  if (!is_put_together) return clamp(full_like(indices, 0), indices, limits_like(indices, vector_dim, last));
  std::vector<Value> parts;
  auto first = last.begin();
  for (const Instruction* part : indices->operands()) {
    const int64_t size = part->shape().dim(static_cast<size_t>(vector_dim));
    parts.push_back(clamped(const_cast<Instruction*>(part), vector_dim, Dims(first, first + size)));
    first += size;
  }
  return concatenate(parts, vector_dim);
}

ScatterAttrs scatter_like(const GatherAttrs& gather) {
  return {.update_window_dims = gather.offset_dims,
          .inserted_window_dims = gather.collapsed_slice_dims,
          .scatter_dims_to_operand_dims = gather.start_index_map,
          .input_batching_dims = gather.operand_batching_dims,
          .scatter_indices_batching_dims = gather.start_indices_batching_dims,
          .index_vector_dim = gather.index_vector_dim,
          .indices_are_sorted = gather.indices_are_sorted};
}

}  // namespace

void gradient_gather(Pullback& p) {
  p.give(0, [&] {
    const auto& attrs = p.attrs<GatherAttrs>();
    const Dims last = last_places(p.operand(0).shape(), attrs.slice_sizes, attrs.start_index_map);
    const Value places = clamped(p.operand(1), attrs.index_vector_dim, last);
    return scatter(full_like(p.operand(0), 0), places, p.cotangent(), scatter_like(attrs), Reducer::add);
  });
}

}  // namespace gshard
