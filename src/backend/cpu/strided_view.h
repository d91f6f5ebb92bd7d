// Arrays seen through ops that only move elements.
//
//   %t = f32[4,6] transpose(%x), dimensions={1,0}    %r = f32[2,2,6] reshape(%t)
//
// is the array %x f32[6,4] seen with dimensions {2 by 2}, {2 by 1}, {6 by 4}: sizes and steps in elements. A dimension
// that a reshape joined may be several loops.
#pragma once

#include <optional>
#include <vector>

#include "ir/module.h"

namespace gshard::cpu {

struct StridedLoop {
  int64_t size;
  int64_t stride;
  bool operator==(const StridedLoop&) const = default;
};
using StridedDim = SmallVector<StridedLoop, 2>;  // from the outermost loop in
using StridedDims = std::vector<StridedDim>;

struct StridedView {
  const Instruction* base;  // the array that is read
  int64_t offset = 0;       // of the first element
  StridedDims dims = {};
};

// An array as it stands in memory in row-major order.
StridedDims row_major_view(const Dims& dims);
// The view of x, which moves elements of its operand, given that of the operand. None where strides cannot say it.
std::optional<StridedView> view_through(const Instruction& x, StridedView operand);
// The reverse: where the elements of x's operand are to be written so that x stands at `view`. None where x has other
// elements than its operand.
std::optional<StridedDims> view_before(const Instruction& x, const StridedDims& view);
// The same elements, in the same order, as dimensions of other sizes.
std::optional<StridedDims> regrouped(const StridedDims& view, const Dims& dims);

}  // namespace gshard::cpu
