// Programs that cannot be partitioned.
#pragma once

#include <string>

#include "base/error.h"
#include "ir/instruction.h"

namespace gshard {

// The error with the instruction's name before it, at its place in the text.
Error located(const Error& error, const Instruction& instruction);

// Why an op cannot be partitioned, at its place in the text.
Error refusal(const Instruction& instruction, const std::string& why);

// Throws it for ops that never can be: those to be inlined first, halves of collectives, most side effects.
void check_is_supported(const Instruction& instruction);

}  // namespace gshard
