// Sums over the outer loops of a kernel.
//
//   outer loops i0 (64), i1 (128); over i2 (512)
//   norm = reduce add over i2; x * norm is stored, and reduce add of x over i1 at [512*i0 + i2]
//
// The sum belongs to other loops than the norm, and alone it would read x anew. Each iteration of i1 adds its numbers
// to what stands at [512*i0 + i2] instead, the first to the initial value: an array that small stays in the cache.
#pragma once

#include "backend/cpu/kernel.h"

namespace gshard::cpu {

// Makes such stores of sums that nothing else reads, where other reductions say which loops are outer, and notes in
// `kernel.added_over` which loops must then run in order.
void add_rows(Kernel& kernel);

}  // namespace gshard::cpu
