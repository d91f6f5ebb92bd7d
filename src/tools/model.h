// The subcommand `gshard model`, which alone of all needs no file.
#pragma once

#include "tools/command.h"

namespace gshard {

Command add_model(CLI::App& root);

}  // namespace gshard
