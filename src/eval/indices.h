// Indices that come from the data: dynamic-slice, dynamic-update-slice, gather, scatter.
#pragma once

#include <algorithm>
#include <vector>

#include "eval/strided.h"
#include "ir/literal.h"

namespace gshard {

// The start index nearest to `start` from which `window` elements stay inside of `size`.
int64_t clamp_start(int64_t start, int64_t size, int64_t window);

// How gather and scatter read an array of indices: component k of the vectors along `vector_dim` (the rank of the
// array if each index is a vector of one) is a start in dimension component_dims[k] of the operand; the position in
// dimension indices_batching_dims[i] of the array itself is the start in dimension operand_batching_dims[i].
struct IndexDimensions {
  Dims component_dims;
  Dims operand_batching_dims;
  Dims indices_batching_dims;
  int64_t vector_dim = 0;
};

// The index vectors of a gather or scatter, one after another.
class StartIndices {
 public:
  StartIndices(const Literal& indices, IndexDimensions dimensions, size_t operand_rank);

  // The sizes of the array without the dimension of the vectors.
  const Dims& batch_sizes() const { return sizes_; }

  // Calls body(position, starts) for every index vector in row-major order of its position in batch_sizes();
  // starts[d] is the (unclamped) start in dimension d of the operand.
  template <class Body>
  void for_each(Body&& body) const {
    Dims position(sizes_.size(), 0);
    Dims starts(operand_rank_, 0);
    if (std::find(sizes_.begin(), sizes_.end(), 0) != sizes_.end()) return;
    do {
      read(position, starts);
      body(position, starts);
    } while (next_position(position));
  }

 private:
  void read(const Dims& position, Dims& starts) const;
  bool next_position(Dims& position) const;

  std::vector<int64_t> values_;
  IndexDimensions dimensions_;
  size_t operand_rank_;
  Dims sizes_;
  Dims strides_;
  int64_t component_stride_ = 0;
  Dims batching_positions_;  // where the batching dimensions stand in sizes_
};

}  // namespace gshard
