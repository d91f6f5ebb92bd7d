// Rules of the ops that read or write at computed places: dynamic-slice, dynamic-update-slice, gather, scatter.
#include <algorithm>
#include <limits>

#include "ops/counting.h"
#include "ops/reducer.h"
#include "ops/rule_maker.h"

namespace gshard {
namespace {

bool contains(const Dims& dims, int64_t dim) { return std::find(dims.begin(), dims.end(), dim) != dims.end(); }

// Places are computed in s32 on the devices.
bool can_be_indexed(int64_t size) { return size > 1 && size <= std::numeric_limits<int32_t>::max(); }

// Whether windows are so much smaller than what they point into that parts of it can have margins for them.
bool is_narrow(int64_t window, int64_t size) { return window > 0 && window != size && 4 * (window - 1) <= size; }

// What joins the elements that one device has with the zeros of all others; where the type has no zero, with its
// smallest number.
Reducer joining_reducer(DType type) {
  if (type == DType::f8e8m0fnu) return Reducer::max;
  return type == DType::pred ? Reducer::or_ : Reducer::add;
}

// How much of each dimension of its operand an update of a scatter spans.
Dims windows_of(const ScatterAttrs& attrs, const Shape& into, const Shape& updates) {
  Dims windows;
  size_t window = 0;
  for (int64_t dim = 0; dim < static_cast<int64_t>(into.rank()); ++dim) {
    const bool spans_one = contains(attrs.inserted_window_dims, dim) || contains(attrs.input_batching_dims, dim);
    windows.push_back(spans_one ? 1 : updates.dim(static_cast<size_t>(attrs.update_window_dims[window++])));
  }
  return windows;
}

// The dimension of the indices that is the i-th of those that number places (all but the index vector).
int64_t place_dim(size_t i, int64_t index_vector_dim) {
  const auto dim = static_cast<int64_t>(i);
  return dim < index_vector_dim ? dim : dim + 1;
}

// A dimension of the operand that is visited in step with one of the indices: place i by the index vectors at i.
struct InStep {
  int64_t operand_dim;
  int64_t indices_dim;
};

const InStep* find_operand_dim(const std::vector<InStep>& all, int64_t dim) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const InStep& x) { return x.operand_dim == dim; });
  return found == all.end() ? nullptr : &*found;
}

const InStep* find_indices_dim(const std::vector<InStep>& all, int64_t dim) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const InStep& x) { return x.indices_dim == dim; });
  return found == all.end() ? nullptr : &*found;
}

// Where the index vectors of a gather or scatter point.
struct Pointing {
  const Shape& operand;
  const Instruction& indices;
  int64_t vector_dim;
  const Dims& component_dims;  // the operand's dimension of each component
  const Dims& windows;         // how much of each of the operand's dimensions a place stands for
};

// The batching dimensions, and those in which the indices count up all places. A window of several places would reach
// into the next part.
std::vector<InStep> dims_in_step(const Pointing& to, const Dims& operand_batching, const Dims& indices_batching) {
  std::vector<InStep> all;
  for (size_t b = 0; b < operand_batching.size(); ++b) all.push_back({operand_batching[b], indices_batching[b]});
  for (size_t k = 0; k < to.component_dims.size(); ++k) {
    const std::optional<int64_t> dim = counting_dim(to.indices, to.vector_dim, k);
    if (!dim || find_indices_dim(all, *dim) != nullptr) continue;
    const auto component = static_cast<size_t>(to.component_dims[k]);
    const int64_t size = to.operand.dim(component);
    const bool visits_all = can_be_indexed(size) && to.windows[component] == 1 &&
                            size == to.indices.shape().dim(static_cast<size_t>(*dim));
    if (visits_all) all.push_back({to.component_dims[k], *dim});
  }
  return all;
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
  const std::vector<InStep> in_step =
      dims_in_step({from, *instruction.operand(1), attrs.index_vector_dim, attrs.start_index_map, attrs.slice_sizes},
                   attrs.operand_batching_dims, attrs.start_indices_batching_dims);

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
    const bool fits = is_narrow(attrs.slice_sizes[d], from.dim(d)) && can_be_indexed(from.dim(d));
    if (!fits || find_operand_dim(in_step, dim) != nullptr) continue;
    maker.operand(0, dim, maker.factor(FactorKind::indexed, from.dim(d), joining_reducer(from.type())));
  }
  size_t place = 0;
  for (size_t out = 0; out < maker.result_rank(); ++out) {
    if (contains(attrs.offset_dims, static_cast<int64_t>(out))) continue;
    const int64_t dim = place_dim(place++, attrs.index_vector_dim);
    const FactorId id = maker.parallel(indices.dim(static_cast<size_t>(dim)));
    maker.operand(1, dim, id);
    maker.result(0, static_cast<int64_t>(out), id);
    if (const InStep* pair = find_indices_dim(in_step, dim)) maker.operand(0, pair->operand_dim, id);
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
  const Dims windows = windows_of(attrs, into, updates);
  const std::vector<InStep> in_step =
      dims_in_step({into, *instruction.operand(inputs), attrs.index_vector_dim, attrs.scatter_dims_to_operand_dims,
                    windows},
                   attrs.input_batching_dims, attrs.scatter_indices_batching_dims);
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
    if (find_operand_dim(in_step, dim) != nullptr) continue;
    const int64_t size = windows[d];
    if (!inserted && size == into.dim(d)) {
      const FactorId id = maker.parallel(into.dim(d));
      on_inputs(dim, id);
      on_updates(from, id);
    } else if (is_narrow(size, into.dim(d)) && can_be_indexed(into.dim(d)) &&
               contains(attrs.scatter_dims_to_operand_dims, dim)) {
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
    const InStep* pair = find_indices_dim(in_step, dim);
    const FactorKind kind = pair != nullptr            ? FactorKind::parallel
                            : reducer == Reducer::none ? FactorKind::whole
                                                       : FactorKind::reduce;
    const FactorId id = maker.factor(kind, size, pair != nullptr ? Reducer::none : reducer);
    maker.operand(inputs, dim, id);
    on_updates(static_cast<int64_t>(u), id);
    if (pair != nullptr) on_inputs(pair->operand_dim, id);
  }
  if (reducer != Reducer::none) maker.linearity() = {0b101, 0, reducer};
  maker.set_index_operand(inputs);
  return std::move(maker).finish();
}

}  // namespace gshard
