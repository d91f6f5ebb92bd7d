// The loops of a kernel while it is built, and the indices that run over them.
//
//   place through f32[6,4]: [i0, i1]; seen as f32[24]: [4*i0 + i1]; as f32[3,8]: i0 is cut into i2 (3) and i3 (2), and
//   the place is [i2, 4*i3 + i1]
#pragma once

#include <vector>

#include "backend/cpu/kernel.h"

namespace gshard::cpu {

using Place = std::vector<Index>;  // one index per dimension

// The index of a place in an array in row-major order.
Index linear_index(const Place& at, const Dims& dims);

class LoopSpace {
 public:
  // Whether there were too many loops, or a reshape that no cut of loops fits. What is returned then means nothing.
  bool failed() const { return failed_; }

  // An index through a dimension, over loops outside of `used`, which are added to it: those that ran through an equal
  // dimension before, so that what both compute is computed once, or a new one.
  Index index_through(int64_t extent, LoopSet& used);
  Place place_through(const Dims& dims);

  // Replaces loops that were cut by their parts.
  void refresh(Index& index) const;
  void refresh(Place& place) const;
  LoopSet loops_of(Place& place) const;
  // Whether a place passes through every element of `dims` exactly once.
  bool covers(Place& place, const Dims& dims) const;

  // The place in an array of dimensions `inner` of the element at a place in the same array seen as `outer`. Loops are
  // cut where it needs that.
  Place reshaped(const Place& at, const Dims& outer, const Dims& inner);
  // Lets index_through() find the indices of a place that pass through a whole dimension.
  void remember(const Place& place, const Dims& dims);

  // The extents of the loops that were not cut, which renumber() gives the numbers from 0.
  std::vector<int64_t> extents() const;
  void renumber(Index& index) const;

 private:
  // A loop that was cut in two stands for outer * extent(inner) + inner.
  struct Loop {
    int64_t extent;
    int outer = -1;
    int inner = -1;
  };
  // An index that runs through a dimension of this extent.
  struct Family {
    int64_t extent;
    Index index;
  };

  int64_t extent(int loop) const { return loops_[static_cast<size_t>(loop)].extent; }
  int64_t extent(size_t loop) const { return loops_[loop].extent; }
  void fail() { failed_ = true; }
  int add_loop(int64_t extent);
  void split_loop(size_t loop, int64_t inner_extent);
  void take_apart(const Place& at, const Dims& outer, const Dims& inner, Place& place, size_t first);
  bool distribute(size_t loop, int64_t factor, const Dims& dims, Place& place, size_t first);

  std::vector<Loop> loops_;
  std::vector<Family> families_;
  bool failed_ = false;
};

}  // namespace gshard::cpu
