// Element types, their names and storage.
//
// In memory every element takes a whole number of bytes: types narrower than a byte (s4, u4, f4e2m1fn, ...) are
// stored one per byte, sign- or zero-extended, and pred is a byte that is 0 or 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gshard {

enum class DType : uint8_t {
#define GSHARD_TYPE(name, keyword, bits, cls) name,
#include "ir/types.inc"
#undef GSHARD_TYPE
};

enum class DTypeClass : uint8_t { boolean, signed_int, unsigned_int, floating, complex_float, other };

std::string_view name_of(DType type);
std::optional<DType> dtype_from_name(std::string_view name);
DTypeClass class_of(DType type);
// Bits of one element as HLO counts them; 0 for token, opaque and tuple.
int bits_of(DType type);
// Bytes of one element in a Literal; 0 for token, opaque and tuple.
int64_t bytes_of(DType type);

inline bool is_floating(DType type) { return class_of(type) == DTypeClass::floating; }
inline bool is_complex(DType type) { return class_of(type) == DTypeClass::complex_float; }
inline bool is_signed_int(DType type) { return class_of(type) == DTypeClass::signed_int; }
inline bool is_unsigned_int(DType type) { return class_of(type) == DTypeClass::unsigned_int; }
inline bool is_integer(DType type) { return is_signed_int(type) || is_unsigned_int(type); }
inline bool is_array_type(DType type) { return class_of(type) != DTypeClass::other; }
// The type of a complex number's parts (c64 -> f32, c128 -> f64); the type itself otherwise.
DType real_part_type(DType type);

}  // namespace gshard
