// Reading the program that a subcommand works on, and writing the one that it makes.
#pragma once

#include <string>
#include <string_view>

#include "runtime/load.h"

namespace gshard {

// load() of runtime/load.h, with a line in the log of how long it took.
Program read_program(const std::string& path);

// Writes the text that a subcommand was asked for to a file, or ("-") to standard output.
void put_result(const std::string& path, std::string_view text);

}  // namespace gshard
