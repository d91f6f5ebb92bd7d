// Orders of dimensions, and the dimensions that an op leaves out.
#pragma once

#include "ops/value.h"

namespace gshard {

// inverse({2,0,1}) == {1,2,0}: where each number stands.
Dims inverse(const Dims& permutation);
// ranks_of({5,1,3}) == {2,0,1}: the position of each in ascending order.
Dims ranks_of(const Dims& dims);
// others({2,0}, 4) == {1,3}.
Dims others(const Dims& dims, size_t rank);

// transpose(x, dimensions), x itself where they are in order.
Value transposed(Value x, const Dims& dimensions);

}  // namespace gshard
