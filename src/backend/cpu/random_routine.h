// Random bits as arrays.
#pragma once

#include "backend/cpu/routine.h"

namespace gshard::cpu {

// The instruction is an rng-bit-generator; null for elements below 8 bits.
std::unique_ptr<Routine> make_random_bits(const Instruction& x);

}  // namespace gshard::cpu
