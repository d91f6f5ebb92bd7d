// Running another program, which is stopped when we are.
//
//   const int code = run_command({"python3", "fetch.py"});
#pragma once

#include <string>
#include <vector>

namespace gshard {

// Runs a command, which writes to our own streams, to its end. SIGTERM, SIGINT and SIGHUP to us are handed on as
// SIGTERM, and what was sent is returned as 128 + its number once the command has ended; otherwise the command's exit
// code, or 128
// + the signal that ended it. Throws Error(program) where it cannot be started.
int run_command(const std::vector<std::string>& words);

}  // namespace gshard
