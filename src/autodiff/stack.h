// Arrays with an element for each round of a loop, along one of their dimensions.
//
//   Value x = read_at(xs, 0, i);              // f32[8,4], s32[] -> f32[4]
//   Value ys = written_at(ys, 0, i, y);       // with y in the place of round i
#pragma once

#include "ops/value.h"

namespace gshard {

// The type of a stack of `count` such elements along dimension `dim`.
Shape stack_shape(const Shape& element, size_t dim, int64_t count);

// The element of round `i`, an integer scalar; the stack with another one there.
Value read_at(Value stack, size_t dim, Value i);
Value written_at(Value stack, size_t dim, Value i, Value element);

}  // namespace gshard
