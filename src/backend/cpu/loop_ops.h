// Which instructions run in loops.
#pragma once

#include "ir/module.h"

namespace gshard::cpu {

// Whether an instruction can be computed inside of a kernel at all: pointwise ops on types that the loops know, moves
// of elements, reductions, slices and gathers.
bool is_loop_op(const Instruction& x);
// Whether it costs nothing to compute it anew in every kernel that reads it: scalar constants, iota, and what only
// broadcasts or reshapes them.
bool is_free(const Instruction& x);

// Ops whose result has the bytes of their operand under another shape.
inline bool is_view_op(Op op) { return op == Op::reshape || op == Op::bitcast; }

}  // namespace gshard::cpu
