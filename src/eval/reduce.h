// Arrays combined element by element, as the devices' operands of an all-reduce are.
#pragma once

#include <span>

#include "ir/literal.h"
#include "ir/sharding.h"

namespace gshard {

// Whether a reducer combines two elements of a type; `none` does not.
bool has_meaning(Reducer reducer, DType type);

// Combines n elements of each input, at least one, in their order. Sums of floats are kept in a wider type (f32 for
// those of 16 bits and fewer, else f64) and rounded once, at the end. The reducer has a meaning for the type. `result`
// may be an input.
void combine_block(Reducer reducer, DType type, std::span<const std::byte* const> inputs, size_t n, std::byte* result);

// The same of whole arrays of one shape.
Literal combined(Reducer reducer, std::span<const Literal* const> arrays);

}  // namespace gshard
