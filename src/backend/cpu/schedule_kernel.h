// The order of a kernel's loops: which are outer, which are lanes, and the stages.
#pragma once

#include "backend/cpu/kernel.h"

namespace gshard::cpu {

// Fills in `outer`, `outer_lane`, `stages` and `lanes`, joining loops that run through memory as one. False where the
// parts of the kernel do not fit into common outer loops, or where that would leave too few of them.
bool schedule(Kernel& kernel);

// The nodes that a stage computes, operands first: what its reductions and stores need, down to loads and to what
// earlier stages reduced.
std::vector<int> nodes_of(const Kernel& kernel, const Stage& stage);

}  // namespace gshard::cpu
