// Lists of dimensions and of sizes, as ops with several kinds of dimensions (dots, convolutions) put them together.
//
//   sizes_of(lhs, joined(batch, free))     of f32[8,4,3], with batch {0} and free {2}: {8,3}
#pragma once

#include "ir/shape.h"

namespace gshard {

inline Dims joined(const Dims& a, const Dims& b, const Dims& c = {}) {
  Dims all = a;
  all.append({b.data(), b.size()});
  all.append({c.data(), c.size()});
  return all;
}

// first, first + 1, ...: so many.
inline Dims counting(size_t first, size_t count) {
  Dims dims;
  for (size_t i = 0; i < count; ++i) dims.push_back(static_cast<int64_t>(first + i));
  return dims;
}

// The entries at these places.
inline Dims taken(const Dims& dims, const Dims& places) {
  Dims some;
  for (const int64_t place : places) some.push_back(dims[static_cast<size_t>(place)]);
  return some;
}

// 1 of none. The caller knows that it fits: sizes of arrays that are there do.
inline int64_t product_of(const Dims& sizes) {
  int64_t product = 1;
  for (const int64_t size : sizes) product *= size;
  return product;
}

inline Dims sizes_of(const Shape& shape, const Dims& dims) { return taken(shape.dims(), dims); }

}  // namespace gshard
