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

// Whether some place of the window lies before the first of `input` elements or behind the last, at one of `output`
// places.
bool reaches_padding(const WindowDim& window, int64_t input, int64_t output);

// Whether taking in the initial value of a reduction more than once changes nothing.
bool is_start_neutral(const Instruction& reduction);

// Ops whose result has the bytes of their operand under another shape.
inline bool is_view_op(Op op) { return op == Op::reshape || op == Op::bitcast; }

}  // namespace gshard::cpu
