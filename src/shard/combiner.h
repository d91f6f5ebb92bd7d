// What can be found out about a combiner that is none of the usual reducers, such as that of an argmax.
#pragma once

#include "ir/instruction.h"

namespace gshard {

// Whether a reduction may be done in parts, each from the same initial values, and the parts' results reduced again:
// its initial values are constants, and on samples the combiner is associative and takes initial values in any number
// and at any place for one. (A sum of squares, a + b * b, is a reduction in one piece only.)
bool reduces_in_parts(const Instruction& reduce);

}  // namespace gshard
