// select-and-scatter: the gradient of pooling. Each window gives its number to the element that it chooses.
#pragma once

#include "backend/cpu/routine.h"

namespace gshard::cpu {

// Null but for windows that choose by one comparison and add up, multiply, or keep the largest or smallest.
std::unique_ptr<Routine> make_select_and_scatter(const Instruction& x);

}  // namespace gshard::cpu
