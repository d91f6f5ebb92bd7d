// Literals made from numbers.
//
//   full(Shape(DType::bf16, {2, 2}), 0.5)      neutral_element(Reducer::max, DType::s32) == -2147483648
#pragma once

#include "ir/literal.h"
#include "ir/sharding.h"

namespace gshard {

// Every element is `value`, converted as HLO's convert does: rounded for floats, truncated for integers, compared with
// zero for pred. The shape is an array.
Literal full(const Shape& shape, double value);

// The largest or the smallest value of a type as a scalar: an infinity where it has them.
Literal highest(DType type);
Literal lowest(DType type);

// The scalar that changes nothing under a reducer, which is not Reducer::none. Complex types have none for max and
// min: Error(program).
Literal neutral_element(Reducer reducer, DType type);

}  // namespace gshard
