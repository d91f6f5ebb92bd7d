// Elements of literals as numbers: conversion between types, and the way of narrow types through wide ones.
//
//   Literal wide = convert_elements(x, compute_type(x.shape().type()));   // bf16 -> f32, exact
//   ... compute in f32 ...
//   return convert_elements(wide, DType::bf16);                           // rounds to nearest even
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ir/literal.h"

namespace gshard {

// The type in which elements are computed: f32 for floats narrower than it, else the type itself.
DType compute_type(DType type);

// n elements of a float type of at most 32 bits from and to floats.
void widen_floats(DType type, const std::byte* from, float* to, size_t n);
void narrow_floats(DType type, const float* from, std::byte* to, size_t n);

// Brings integers that were computed in their storage back into the range of a type narrower than a byte, by
// dropping high bits; nothing for other types. pred keeps its lowest bit.
void wrap_integers(DType type, std::byte* values, size_t n);

// Bytes that were something else as elements of pred, which are 0 or 1: what is not 0 is true.
void bytes_to_preds(std::byte* values, size_t n);

// The `convert` op. Floats round to nearest even, integers wrap, floats to integers clamp (NaN is 0), pred is x != 0.
// Throws Error(program) for complex to real.
Literal convert_elements(const Literal& x, DType to);
// The same for n raw elements; not from complex to real.
void convert_block(DType from_type, const std::byte* from, DType to_type, std::byte* to, size_t n);

// Element i of an integer or pred array. u64 beyond int64_t's range saturates.
int64_t integer_at(const Literal& x, size_t i);
std::vector<int64_t> integers_of(const Literal& x);

// An array of `shape` with `value` (a scalar of the same type) everywhere.
Literal filled(const Shape& shape, const Literal& value);

}  // namespace gshard
