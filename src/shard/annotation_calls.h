// The custom-calls that speak of shardings in place of computing anything.
#pragma once

#include "ir/instruction.h"

namespace gshard {

// `Sharding` and Shardy's kin: the operand again, with the sharding noted on the call.
bool is_sharding_call(const Instruction& instruction);
// From a value of the whole program to each device's part of it, and back: the ends of a manual region.
bool is_to_manual_call(const Instruction& instruction);
bool is_to_automatic_call(const Instruction& instruction);

}  // namespace gshard
