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

namespace gshard {

// The storage type of one element.
template <DType type>
struct StorageOf;
#define GSHARD_STORAGE(name, cpp)    \
  template <>                        \
  struct StorageOf<DType::name> {    \
    using Type = cpp;                \
  };
GSHARD_STORAGE(pred, uint8_t)
GSHARD_STORAGE(s1, int8_t)
GSHARD_STORAGE(s2, int8_t)
GSHARD_STORAGE(s4, int8_t)
GSHARD_STORAGE(s8, int8_t)
GSHARD_STORAGE(s16, int16_t)
GSHARD_STORAGE(s32, int32_t)
GSHARD_STORAGE(s64, int64_t)
GSHARD_STORAGE(u1, uint8_t)
GSHARD_STORAGE(u2, uint8_t)
GSHARD_STORAGE(u4, uint8_t)
GSHARD_STORAGE(u8, uint8_t)
GSHARD_STORAGE(u16, uint16_t)
GSHARD_STORAGE(u32, uint32_t)
GSHARD_STORAGE(u64, uint64_t)
GSHARD_STORAGE(f4e2m1fn, F4E2M1FN)
GSHARD_STORAGE(f8e3m4, F8E3M4)
GSHARD_STORAGE(f8e4m3, F8E4M3)
GSHARD_STORAGE(f8e4m3fn, F8E4M3FN)
GSHARD_STORAGE(f8e4m3b11fnuz, F8E4M3B11FNUZ)
GSHARD_STORAGE(f8e4m3fnuz, F8E4M3FNUZ)
GSHARD_STORAGE(f8e5m2, F8E5M2)
GSHARD_STORAGE(f8e5m2fnuz, F8E5M2FNUZ)
GSHARD_STORAGE(f8e8m0fnu, F8E8M0FNU)
GSHARD_STORAGE(bf16, BF16)
GSHARD_STORAGE(f16, F16)
GSHARD_STORAGE(f32, float)
GSHARD_STORAGE(f64, double)
GSHARD_STORAGE(c64, std::complex<float>)
GSHARD_STORAGE(c128, std::complex<double>)
// Never read: types without elements.
GSHARD_STORAGE(token, uint8_t)
GSHARD_STORAGE(opaque, uint8_t)
GSHARD_STORAGE(tuple, uint8_t)
#undef GSHARD_STORAGE

// The storage type of every array type.
template <class F>
decltype(auto) with_storage(DType type, F&& f) {
  switch (type) {
#define GSHARD_TYPE(name, keyword, bits, cls) \
  case DType::name: return f.template operator()<StorageOf<DType::name>::Type>();
#include "ir/types.inc"
#undef GSHARD_TYPE
  }
  __builtin_unreachable();
}

// An unsigned integer (or a pair of them) as large as an element: enough for moving elements about.
struct Bytes16 {
  uint64_t low;
  uint64_t high;
};
template <class F>
decltype(auto) with_bytes(DType type, F&& f) {
  switch (bytes_of(type)) {
    case 1: return f.template operator()<uint8_t>();
    case 2: return f.template operator()<uint16_t>();
    case 4: return f.template operator()<uint32_t>();
    case 8: return f.template operator()<uint64_t>();
    case 16: return f.template operator()<Bytes16>();
    default: break;
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
    case 1: return is_signed ? f.template operator()<int8_t>() : f.template operator()<uint8_t>();
    case 2: return is_signed ? f.template operator()<int16_t>() : f.template operator()<uint16_t>();
    case 4: return is_signed ? f.template operator()<int32_t>() : f.template operator()<uint32_t>();
    default: return is_signed ? f.template operator()<int64_t>() : f.template operator()<uint64_t>();
  }
}

// f32, f64, c64 and c128.
template <class F>
decltype(auto) with_wide_float(DType type, F&& f) {
  switch (type) {
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
    case DType::c64: return f.template operator()<std::complex<float>>();
    case DType::c128: return f.template operator()<std::complex<double>>();
    default: break;
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
