// Indices that come from the data: dynamic-slice, dynamic-update-slice, gather, scatter.
//
// Gather and scatter share their dimension numbers under different names. An array of indices holds one vector for each
// position; it says where a window begins in the operand. The window itself lies in another array (the result of
// gather, the updates of scatter) along that array's window dimensions; its other dimensions are those of the
// positions.
#pragma once

#include <vector>

#include "eval/strided.h"
#include "ir/attributes.h"
#include "ir/literal.h"

namespace gshard {

// The start index nearest to `start` from which `window` elements stay inside of `size`.
int64_t clamp_start(int64_t start, int64_t size, int64_t window);

struct IndexDimensions {
  Dims window_dims;            // of the array that holds the windows
  Dims dropped_dims;           // of the operand: the window has size 1 there, and no dimension
  Dims component_dims;         // of the operand: where each component of an index vector points
  Dims operand_batching_dims;  // of the operand: the position is the index; no dimension of the window either
  Dims indices_batching_dims;  // of the array of indices: the positions meant by operand_batching_dims
  int64_t vector_dim = 0;      // of the array of indices; its rank if each index is a vector of one

  static IndexDimensions of(const GatherAttrs& attrs);
  static IndexDimensions of(const ScatterAttrs& attrs);
};

// How windows lie in the array that holds them.
struct WindowStrides {
  Dims sizes;      // of the window, by dimension of the operand
  Dims window;     // by dimension of the operand; 0 where the window has no dimension
  Dims positions;  // by dimension of the positions

  WindowStrides(const IndexDimensions& dimensions, const Shape& array, size_t operand_rank);
};

// The index vectors of a gather or scatter, one after another.
class StartIndices {
 public:
  StartIndices(const Literal& indices, IndexDimensions dimensions, size_t operand_rank);

  // Calls body(position, starts) for every index vector in row-major order of its position, where starts[d] is the
  // start in dimension d of the operand, as it was given.
  template <class Body>
  void for_each(Body&& body) const {
    Dims position(sizes_.size(), 0);
    Dims starts(operand_rank_, 0);
    if (is_among(0, sizes_)) return;
    do {
      read(position, starts);
      body(position, starts);
    } while (next_index(position, sizes_));
  }

 private:
  void read(const Dims& position, Dims& starts) const;

  std::vector<int64_t> values_;
  IndexDimensions dimensions_;
  size_t operand_rank_;
  Dims sizes_;    // of the positions
  Dims strides_;  // of the indices, by dimension of the positions
  int64_t component_stride_ = 0;
  Dims batching_positions_;  // the dimensions of the positions that are batching dimensions
};

}  // namespace gshard
