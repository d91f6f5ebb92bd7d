// The order of a kernel's loops: which are outer, which are lanes, and the stages.
#pragma once

#include "backend/cpu/kernel.h"

namespace gshard::cpu {

// Estimated cost of a vector of a load that is transposed, in vector operations.
inline constexpr double kTransposedLoad = 4;

// Fills in `outer`, `outer_lane`, `tile`, `stages` and `lanes`, joining loops that run through memory as one. False
// where the parts of the kernel do not fit into common outer loops, or where that would leave too few of them.
bool schedule(Kernel& kernel);

// The numbers of one row of a stage, its loop of lanes counted in whole vectors.
int64_t row_size(const Kernel& kernel, const Stage& stage);

// Whether a stage of the kernel finds a node's values where an earlier one kept them.
bool is_kept_for(const Kernel& kernel, const Node& node, const Stage& stage);

// The nodes that a stage of the kernel computes, operands first: what its reductions and stores need, down to loads and
// to what earlier stages reduced or kept.
std::vector<int> nodes_of(const Kernel& kernel, const Stage& stage);

}  // namespace gshard::cpu
