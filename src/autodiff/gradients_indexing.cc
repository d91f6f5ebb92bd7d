// Gradients of gathers and scatters.
#include <algorithm>

#include "autodiff/gradients.h"
#include "autodiff/permutation.h"
#include "ops/build.h"
#include "ops/counting.h"
#include "ops/reducer.h"

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

// Whether each component of the index vectors counts up along a dimension, and not beyond its last place.
bool all_count_within(Value indices, int64_t vector_dim, const Dims& last) {
  for (size_t k = 0; k < last.size(); ++k) {
    const std::optional<int64_t> dim = counting_dim(*indices.instruction(), vector_dim, k);
    if (!dim || indices.dim(static_cast<size_t>(*dim)) > last[k] + 1) return false;
  }
  return true;
}

// The indices that a gather really reads: those beyond the last place read there. What counts up within bounds is left
// as it is, for a partitioner to see.
Value clamped(Value indices, int64_t vector_dim, const Dims& last) {
  if (all_count_within(indices, vector_dim, last)) return indices;
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

GatherAttrs gather_like(const ScatterAttrs& scatter, const Dims& window) {
  return {.offset_dims = scatter.update_window_dims,
          .collapsed_slice_dims = scatter.inserted_window_dims,
          .start_index_map = scatter.scatter_dims_to_operand_dims,
          .operand_batching_dims = scatter.input_batching_dims,
          .start_indices_batching_dims = scatter.scatter_indices_batching_dims,
          .index_vector_dim = scatter.index_vector_dim,
          .slice_sizes = window,
          .indices_are_sorted = scatter.indices_are_sorted};
}

// The sizes, in the array, of what one index vector writes.
Dims window_of(const ScatterAttrs& attrs, const Shape& array, const Shape& updates) {
  const auto has = [](const Dims& dims, int64_t d) { return std::find(dims.begin(), dims.end(), d) != dims.end(); };
  Dims window;
  auto next = attrs.update_window_dims.begin();
  for (int64_t d = 0; d < static_cast<int64_t>(array.rank()); ++d) {
    const bool is_one = has(attrs.inserted_window_dims, d) || has(attrs.input_batching_dims, d);
    window.push_back(is_one ? 1 : updates.dim(static_cast<size_t>(*next++)));
  }
  return window;
}

// One scatter of one array on the way back.
class ScatterPullback {
 public:
  explicit ScatterPullback(Pullback& p)
      : p_(p),
        attrs_(p.attrs<ScatterAttrs>()),
        indices_(p.operand(1)),
        updates_(p.operand(2)),
        window_(window_of(attrs_, p.operand(0).shape(), updates_.shape())) {}

  // Updates that fall outside of the array are dropped, so they get nothing.
  void through_sum() {
    p_.give(0, p_.cotangent());
    p_.give(2, [&] {
      const Value read = taken_from(p_.cotangent());
      const Value is_inside = inside();
      return is_inside.instruction() == nullptr ? read : select(is_inside, read, 0);
    });
  }

  // What is overwritten gets nothing, and of several updates of one place the one that stayed gets all.
  void through_assignment() {
    p_.give(0, [&] { return scatter(p_.cotangent(), indices_, full_like(updates_, 0), attrs_, Reducer::none); });
    p_.give(2, [&] { return select(stayed(), taken_from(p_.cotangent()), 0); });
  }

 private:
  Value taken_from(Value array) const { return gather(array, indices_, gather_like(attrs_, window_)); }

  // For each update whether its window lies in the array; of nothing where all do.
  Value inside() const {
    const Dims last = last_places(p_.operand(0).shape(), window_, attrs_.scatter_dims_to_operand_dims);
    const int64_t vector_dim = attrs_.index_vector_dim;
    if (all_count_within(indices_, vector_dim, last)) return {};
    const Value is_not_before = compare(indices_, 0, Direction::GE);
    const Value is_not_behind = compare(indices_, limits_like(indices_, vector_dim, last), Direction::LE);
    Value all = and_(is_not_before, is_not_behind);
    if (vector_dim < static_cast<int64_t>(indices_.rank())) all = reduce(all, {vector_dim}, Reducer::and_);
    return broadcast(all, updates_.dims(), others(attrs_.update_window_dims, updates_.rank()));
  }

  // For each update whether it is what its place holds afterwards: updates write their numbers and read them again.
  Value stayed() const {
    const int64_t count = updates_.shape().element_count();
    const DType type = count <= INT32_MAX ? DType::s32 : DType::s64;
    Computation& in = p_.walk().computation();
    const Value numbers = reshape(iota(in, Shape(type, {count}), 0), updates_.dims());
    const Value nobody = full(in, p_.operand(0).shape().with_type(type).without_layout(), -1);
    const Value written = scatter(nobody, indices_, numbers, attrs_, Reducer::none);
    return compare(taken_from(written), numbers, Direction::EQ);
  }

  Pullback& p_;
  const ScatterAttrs& attrs_;
  const Value indices_;
  const Value updates_;
  const Dims window_;
};

}  // namespace

void gradient_scatter(Pullback& p) {
  const Computation& combine = *p.instruction().callees()[0];
  if (p.operand_count() != 3) p.refuse("scatters of several arrays at once have none");
  if (reducer_of(combine) == Reducer::add) return ScatterPullback(p).through_sum();
  if (combine.root() == combine.parameter(1)) return ScatterPullback(p).through_assignment();
  p.refuse("%" + combine.name() + " neither adds nor overwrites");
}

void gradient_gather(Pullback& p) {
  p.give(0, [&] {
    const auto& attrs = p.attrs<GatherAttrs>();
    const Dims last = last_places(p.operand(0).shape(), attrs.slice_sizes, attrs.start_index_map);
    const Value places = clamped(p.operand(1), attrs.index_vector_dim, last);
    return scatter(full_like(p.operand(0), 0), places, p.cotangent(), scatter_like(attrs), Reducer::add);
  });
}

}  // namespace gshard
