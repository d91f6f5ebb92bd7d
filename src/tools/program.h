// Reading the program that a subcommand works on.
#pragma once

#include <string>

#include "runtime/load.h"

namespace gshard {

// load() of runtime/load.h, with a line in the log of how long it took.
Program read_program(const std::string& path);

}  // namespace gshard
