// Floating-point values of every element type: between their bytes and double, and as text.
//
//   f32 0.1 -> "0.1"     bf16 0.1 -> "0.1001"     f32 NaN with payload -> "nan(0x123)"
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "ir/dtype.h"

namespace gshard {

// Rounds to the type as XLA does when it reads a constant (through float for bf16 and f16).
void store_float(DType type, double value, std::byte* out);
double load_float(DType type, const std::byte* in);

// A type in which every code with the highest exponent and a mantissa other than 0 is a NaN, the mantissa being its
// payload; absent for the types with at most two NaNs.
struct NanLayout {
  int exponent_bits;
  int mantissa_bits;
};
std::optional<NanLayout> nan_layout(DType type);

// Appends the value as XLA prints it: the fewest digits of two fixed numbers of them that read back as the same value.
void append_float(std::string& out, DType type, const std::byte* in);

}  // namespace gshard
