// From an element type to the C++ type that stores one element of a Literal.
//
//   with_storage(literal.shape().type(), [&]<class T>() { std::ranges::fill(literal.mutable_values<T>(), T(1)); });
#pragma once

#include <complex>
#include <cstdint>

#include "base/small_float.h"
#include "ir/dtype.h"

namespace gshard {

// The storage type of one element.
template <DType type>
struct StorageOf;
#define GSHARD_STORAGE(name, cpp) \
  template <>                     \
  struct StorageOf<DType::name> { \
    using Type = cpp;             \
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
  case DType::name:                           \
    return f.template operator()<StorageOf<DType::name>::Type>();
#include "ir/types.inc"
#undef GSHARD_TYPE
  }
  __builtin_unreachable();
}

}  // namespace gshard
