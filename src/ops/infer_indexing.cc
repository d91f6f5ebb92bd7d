// Types of gather and scatter.
//
// Both have the same dimension numbers under different names: a slice of the operand for each index vector, placed
// among the dimensions of the batch of indices.
#include <algorithm>

#include "ops/infer.h"

namespace gshard {
namespace {

struct Indexing {
  const Dims& window_dims;   // of the result (gather) or updates (scatter): where the slices' dimensions stand
  const Dims& dropped_dims;  // of the operand: size 1 in the slice, absent from the result
  const Dims& index_map;     // of the operand: where the components of an index vector point
  const Dims& operand_batching;
  const Dims& indices_batching;
  int64_t index_vector_dim;
};

struct Names {
  std::string_view window_dims, dropped_dims, index_map, operand_batching, indices_batching;
};
constexpr Names kGatherNames = {"offset_dims", "collapsed_slice_dims", "start_index_map", "operand_batching_dims",
                                "start_indices_batching_dims"};
constexpr Names kScatterNames = {"update_window_dims", "inserted_window_dims", "scatter_dims_to_operand_dims",
                                 "input_batching_dims", "scatter_indices_batching_dims"};

// The sizes of the indices without the dimension of the index vectors (which stands behind the last where
// index_vector_dim is the rank).
Dims batch_sizes(const Shape& indices, int64_t index_vector_dim) {
  return without(indices.dims(), Dims{index_vector_dim});
}

void check_batching(const Instruction& i, const Indexing& x, const Names& names, const Shape& operand,
                    const Shape& indices) {
  require_sorted(i, x.operand_batching, names.operand_batching);
  require_unique_below(i, x.indices_batching, indices.rank(), names.indices_batching);
  require(!contains(x.indices_batching, x.index_vector_dim), i, "{}={} contains index_vector_dim {}",
          names.indices_batching, x.indices_batching, x.index_vector_dim);
  require(x.operand_batching.size() == x.indices_batching.size(), i, "{}={} and {}={} must have the same length",
          names.operand_batching, x.operand_batching, names.indices_batching, x.indices_batching);
  for (size_t k = 0; k < x.operand_batching.size(); ++k) {
    const int64_t a = operand.dim(static_cast<size_t>(x.operand_batching[k]));
    const int64_t b = indices.dim(static_cast<size_t>(x.indices_batching[k]));
    require(a == b, i, "batching dimension {} of operand 0 has size {}, dimension {} of the indices has size {}",
            x.operand_batching[k], a, x.indices_batching[k], b);
  }
}

// Everything that does not depend on the sizes of the slices. `result_rank` is the rank of result or updates.
void check_indexing(const Instruction& i, const Indexing& x, const Names& names, const Shape& operand,
                    const Shape& indices, size_t result_rank) {
  require(is_integer(indices.type()), i, "the indices are {}, must be integers", indices);
  require(x.index_vector_dim >= 0 && x.index_vector_dim <= static_cast<int64_t>(indices.rank()), i,
          "index_vector_dim {} is no dimension of the indices {}, nor the one behind the last", x.index_vector_dim,
          indices);
  require_sorted(i, x.window_dims, names.window_dims);
  require_unique_below(i, x.window_dims, result_rank, names.window_dims);
  require_sorted(i, x.dropped_dims, names.dropped_dims);
  Dims taken = x.dropped_dims;
  taken.append({x.operand_batching.data(), x.operand_batching.size()});
  require_unique_below(i, taken, operand.rank(), fmt::format("{} and {}", names.dropped_dims, names.operand_batching));
  require(taken.size() + x.window_dims.size() == operand.rank(), i,
          "{}={}, {}={} and {}={} must be {} dimensions together, as {} has", names.window_dims, x.window_dims,
          names.dropped_dims, x.dropped_dims, names.operand_batching, x.operand_batching, operand.rank(), operand);
  Dims pointed = x.index_map;
  pointed.append({x.operand_batching.data(), x.operand_batching.size()});
  require_unique_below(i, pointed, operand.rank(), fmt::format("{} and {}", names.index_map, names.operand_batching));
  const bool vectors = x.index_vector_dim < static_cast<int64_t>(indices.rank());
  const int64_t components = vectors ? indices.dim(static_cast<size_t>(x.index_vector_dim)) : 1;
  require(components == static_cast<int64_t>(x.index_map.size()), i,
          "{}={} has {} dimensions, an index vector of {} has {}", names.index_map, x.index_map, x.index_map.size(),
          indices, components);
  check_batching(i, x, names, operand, indices);
}

}  // namespace

Shape infer_gather(const Instruction& i) {
  const auto& a = i.attrs<GatherAttrs>();
  const Shape& operand = i.operand(0)->shape();
  const Shape& indices = array_operand(i, 1);
  const Indexing x{a.offset_dims,           a.collapsed_slice_dims,        a.start_index_map,
                   a.operand_batching_dims, a.start_indices_batching_dims, a.index_vector_dim};
  const Dims batch = batch_sizes(indices, a.index_vector_dim);
  check_indexing(i, x, kGatherNames, operand, indices, batch.size() + a.offset_dims.size());
  require(a.slice_sizes.size() == operand.rank(), i, "slice_sizes={} has {} sizes, operand 0 is {} of rank {}",
          a.slice_sizes, a.slice_sizes.size(), operand, operand.rank());
  Dims window;
  for (size_t d = 0; d < operand.rank(); ++d) {
    const int64_t size = a.slice_sizes[d];
    const auto dim = static_cast<int64_t>(d);
    require(size >= 0 && size <= operand.dim(d), i, "slice size {} does not fit dimension {} of {}", size, d, operand);
    const bool dropped = contains(a.collapsed_slice_dims, dim) || contains(a.operand_batching_dims, dim);
    require(!dropped || size <= 1, i, "dimension {} is collapsed or batching, its slice size is {}, must be 1", d,
            size);
    if (!dropped) window.push_back(size);
  }
  Dims result;
  size_t next_window = 0;
  size_t next_batch = 0;
  for (int64_t d = 0; d < static_cast<int64_t>(batch.size() + window.size()); ++d) {
    result.push_back(contains(a.offset_dims, d) ? window[next_window++] : batch[next_batch++]);
  }
  return operand.with_dims(result);
}

namespace {

void check_updates(const Instruction& i, const Shape& operand, const Shape& indices, const Shape& updates) {
  const auto& a = i.attrs<ScatterAttrs>();
  Dims window_limits;
  for (size_t d = 0; d < operand.rank(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    if (!contains(a.inserted_window_dims, dim) && !contains(a.input_batching_dims, dim))
      window_limits.push_back(operand.dim(d));
  }
  const Dims batch = batch_sizes(indices, a.index_vector_dim);
  size_t next_window = 0;
  size_t next_batch = 0;
  for (size_t d = 0; d < updates.rank(); ++d) {
    if (contains(a.update_window_dims, static_cast<int64_t>(d))) {
      const int64_t limit = window_limits[next_window++];
      require(updates.dim(d) <= limit, i, "dimension {} of the updates {} is a window of at most {}", d, updates,
              limit);
    } else {
      const int64_t size = batch[next_batch++];
      require(updates.dim(d) == size, i, "dimension {} of the updates {} must have size {}, as the indices {} have", d,
              updates, size, indices);
    }
  }
}

}  // namespace

Shape infer_scatter(const Instruction& i) {
  require(i.operand_count() % 2 == 1, i, "has {} operands, must have as many updates as operands, and indices",
          i.operand_count());
  const auto& a = i.attrs<ScatterAttrs>();
  const size_t count = i.operand_count() / 2;
  const Shape& indices = array_operand(i, count);
  const Shape& operand = i.operand(0)->shape();
  const Shape& updates = array_operand(i, count + 1);
  const Indexing x{a.update_window_dims,  a.inserted_window_dims,          a.scatter_dims_to_operand_dims,
                   a.input_batching_dims, a.scatter_indices_batching_dims, a.index_vector_dim};
  const size_t update_rank = batch_sizes(indices, a.index_vector_dim).size() + a.update_window_dims.size();
  check_indexing(i, x, kScatterNames, operand, indices, update_rank);
  require(updates.rank() == update_rank, i, "the updates are {}, must have rank {}", updates, update_rank);
  check_updates(i, operand, indices, updates);
  std::vector<Shape> operands;
  std::vector<Shape> elements;
  for (size_t k = 0; k < count; ++k) {
    require_equal_dims(i, 0, k);
    require_equal_dims(i, count + 1, count + 1 + k);
    operands.push_back(i.operand(k)->shape());
    elements.push_back(i.operand(count + 1 + k)->shape());
  }
  require_reducer(i, 0, operands, elements);
  return one_or_tuple(std::move(operands));
}

}  // namespace gshard
