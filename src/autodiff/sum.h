// Adding up: the cotangents that the users of a value gave it, and the elements of one.
#pragma once

#include <span>

#include "ops/value.h"

namespace gshard {

// The sum; there is one summand at least. Where a summand is a slice put into zeros, only that slice of the others is
// read and written:
//
//   a + dynamic-update-slice(0, u, i)  ==  dynamic-update-slice(a, dynamic-slice(a, i) + u, i)
//
// A loop that adds to the gradient of the weights of one layer in each round then touches no more than that layer's.
Value sum(std::span<const Value> cotangents);

// The sum of all elements, a scalar.
Value total(Value x);

}  // namespace gshard
