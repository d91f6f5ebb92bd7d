// Moves of elements that only change how a loop sees what it does not change.
//
//   %t = f32[32,64,8] transpose(%weights), dimensions={1,0,2}     while (..., %t, ...)     slices %t[i] in each round
//
// becomes a loop over %weights, each of whose slices reads through strides: the transposed weights are never made.
#pragma once

#include "ir/module.h"

namespace gshard::cpu {

void sink_into_loops(Module& module);

}  // namespace gshard::cpu
