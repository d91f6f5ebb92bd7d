// Inside of the verifier: its parts.
#pragma once

#include <string>

#include "base/error.h"
#include "ir/module.h"

namespace gshard {

// An Error(program) at the instruction's place in the text; the message ends with its name and its place in the model.
Error error_at(const Instruction& instruction, const std::string& message);
// An Error(program) about the module as a whole.
Error error_in(const Module& module, const std::string& message);

// The instruction's sharding note, if any, against its type.
void verify_sharding(const Instruction& instruction);

// What the header says about the entry computation.
void verify_header(const Module& module);

}  // namespace gshard
