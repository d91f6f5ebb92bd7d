// Moving the elements of literals, whatever their type: boxes, broadcasts and transpositions.
//
//   View reversed = View::whole(x.shape());             // x f32[4]
//   reversed.offset = 3;
//   reversed.strides[0] = -1;
//   copy_box({4}, y, View::whole(y.shape()), x, reversed);   // y[i] = x[3 - i]
#pragma once

#include "eval/strided.h"
#include "ir/literal.h"

namespace gshard {

// Where the elements of a box stand in a literal: its first element and the distance along each dimension.
struct View {
  int64_t offset = 0;
  Dims strides;

  static View whole(const Shape& shape) { return {0, row_major_strides(shape.dims())}; }
};

// to[to_view] = from[from_view] for a box of `sizes`. Both have the same element type and do not share bytes.
void copy_box(const Dims& sizes, Literal& to, const View& to_view, const Literal& from, const View& from_view);

// Dimension i of the result is dimension permutation[i] of `operand`; its bytes are shared where nothing moves.
Literal transposed(const Literal& operand, const Dims& permutation);

// `sizes` of the operand spread into `shape`: operand dimension i becomes dimension dimensions[i].
Literal broadcast_to(const Shape& shape, const Literal& operand, const Dims& dimensions);

}  // namespace gshard
