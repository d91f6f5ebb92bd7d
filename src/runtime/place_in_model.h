// Where in the model an instruction comes from.
#pragma once

#include <string>

#include "ir/module.h"

namespace gshard {

// "moe.py:24"; "line 12" of the text where the source is not known; empty where neither is.
std::string place_in_model(const Instruction& instruction);

}  // namespace gshard
