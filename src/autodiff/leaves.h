// The arrays and tokens in a tuple, numbered from left to right through all levels. An array is its own leaf 0.
//
//   x = ((f32[2], s32[]), f32[3])         leaf 1 of x is element 1 of element 0, first_leaf(x, 1) == 2
#pragma once

#include <span>
#include <vector>

#include "ops/value.h"

namespace gshard {

size_t leaf_count(const Shape& shape);
const Shape& leaf_shape(const Shape& shape, size_t leaf);
// In which element of a tuple a leaf is, and its number there.
struct LeafPlace {
  size_t element;
  size_t leaf;
};
LeafPlace place_of(const Shape& tuple, size_t leaf);
// The number of the first leaf in element i of a tuple.
size_t first_leaf(const Shape& tuple, size_t i);

// The leaf of a value: an element that was put into the tuple, or one taken out of it.
Value leaf_of(Value x, size_t leaf);
// A value of that shape made of its leaves.
Value pack(Computation& in, const Shape& shape, std::span<const Value> leaves);

// Whether a leaf can have a cotangent.
bool is_differentiable(const Shape& leaf);

}  // namespace gshard
