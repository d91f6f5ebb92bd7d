// simplify-loops: a loop's state without what never changes, and no loop where the body runs once or never.
//
//   while (i, x, w, c) : i < 8 { i + 1, f(x, w, c), w, c }, started at (0, a, b, 3)
//
// ends with w still b, so uses of it become uses of b; and c is the constant 3 in the body, where it can be folded.
#pragma once

#include "ir/module.h"

namespace gshard {

// Scalar constants go into the body and the condition, unless those have other callers. A loop that runs once becomes
// a call. Elements of the state that nobody reads any more are left to eliminate-dead-code.
bool simplify_loops(Module& module);

}  // namespace gshard
