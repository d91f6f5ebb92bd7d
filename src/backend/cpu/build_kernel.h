// From a group of instructions to the kernel that computes it.
#pragma once

#include <optional>
#include <span>
#include <unordered_set>

#include "backend/cpu/kernel.h"

namespace gshard::cpu {

using Members = std::unordered_set<const Instruction*>;

// The kernel that computes `outputs` from what stands outside of `members` (which are loop ops). None where the members
// do not fit into common loops, or would be slower together.
std::optional<Kernel> build_kernel(const Members& members, std::span<const Leaf> outputs);

}  // namespace gshard::cpu
