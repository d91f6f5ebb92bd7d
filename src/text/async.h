// Asynchronous operations that are written short.
//
//   %s = ((f32[8]), f32[8], u32[]) all-to-all-start(%x), ...
//
// is an async-start that calls a computation of one all-to-all. The text has no such computation: it is written in
// place, and made again when the text is read.
#pragma once

#include <unordered_set>

#include "ir/module.h"

namespace gshard {

// Whether the op can be written so. Not where the short word is another opcode (all-gather-start).
bool can_be_wrapped(Op op);

// The one operation of a computation that can be written so: it uses exactly the parameters, in order. Null where the
// computation is more than that.
const Instruction* sole_operation(const Computation& computation);

// The computations that are written in place: what a single async-start calls, and nothing else.
std::unordered_set<const Computation*> computations_in_place(const Module& module);

}  // namespace gshard
