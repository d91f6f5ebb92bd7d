// From an element type to C++: calls a templated lambda with the type that stores or computes its elements.
//
//   with_number(type, [&]<class T>() { sum<T>(x.values<T>()); });
//
// Floats narrower than f32 are computed in float: eval/elements.h widens and narrows blocks of them.
#pragma once

#include <complex>
#include <cstdint>

#include "base/error.h"
#include "base/small_float.h"
#include "ir/dtype.h"
#include "ir/storage.h"

namespace gshard {

// An unsigned integer (or a pair of them) as large as an element: enough for moving elements about.
struct Bytes16 {
  uint64_t low;
  uint64_t high;
};
template <class F>
decltype(auto) with_bytes(DType type, F&& f) {
  switch (bytes_of(type)) {
    case 1:
      return f.template operator()<uint8_t>();
    case 2:
      return f.template operator()<uint16_t>();
    case 4:
      return f.template operator()<uint32_t>();
    case 8:
      return f.template operator()<uint64_t>();
    case 16:
      return f.template operator()<Bytes16>();
    default:
      break;
  }
  GSHARD_CHECK(false, name_of(type));
  __builtin_unreachable();
}

// pred and integers, by their storage.
template <class F>
decltype(auto) with_integer(DType type, F&& f) {
  const bool is_signed = is_signed_int(type);
  GSHARD_CHECK(is_signed || is_unsigned_int(type) || type == DType::pred, name_of(type));
  switch (bytes_of(type)) {
    case 1:
      return is_signed ? f.template operator()<int8_t>() : f.template operator()<uint8_t>();
    case 2:
      return is_signed ? f.template operator()<int16_t>() : f.template operator()<uint16_t>();
    case 4:
      return is_signed ? f.template operator()<int32_t>() : f.template operator()<uint32_t>();
    default:
      return is_signed ? f.template operator()<int64_t>() : f.template operator()<uint64_t>();
  }
}

// f32, f64, c64 and c128.
template <class F>
decltype(auto) with_wide_float(DType type, F&& f) {
  switch (type) {
    case DType::f32:
      return f.template operator()<float>();
    case DType::f64:
      return f.template operator()<double>();
    case DType::c64:
      return f.template operator()<std::complex<float>>();
    case DType::c128:
      return f.template operator()<std::complex<double>>();
    default:
      break;
  }
  GSHARD_CHECK(false, name_of(type));
  __builtin_unreachable();
}

// Every type that elements are computed in (compute_type of eval/elements.h): integers by their storage, and wide
// floats.
template <class F>
decltype(auto) with_number(DType type, F&& f) {
  if (is_floating(type) || is_complex(type)) return with_wide_float(type, f);
  return with_integer(type, f);
}

}  // namespace gshard
