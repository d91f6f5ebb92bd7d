// The frame of the command line: what every subcommand shares, and what is said when it is used wrongly.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tools/command.h"

namespace gshard {

// A subcommand of `root` with the options that all have (--help, --verbose, --quiet) and an example below its help.
CLI::App* add_subcommand(CLI::App& root, const std::string& name, const std::string& description,
                         const std::string& examples);

// --NAME N, a whole number from 0 to 2^64-1.
void add_count_option(CLI::App& app, const std::string& name, uint64_t& value, const std::string& description);

// Parses the command line and runs the subcommand that it names; answers --help, --version and wrong usage. Returns
// the exit code. Throws what the subcommand throws.
int parse_and_run(CLI::App& root, std::span<const Command> commands, int argc, const char* const* argv);

// The help of the root or of a subcommand.
std::string help_of(const CLI::App& app);

// "unknown pass 'inlin-calls'; did you mean 'inline-calls'? (see 'gshard help print')": names the nearest candidate, or
// all where none is near.
Error unknown_word(std::string_view what, const std::string& word, std::vector<std::string> candidates,
                   const CLI::App& app);
// The same for a subcommand of `root`.
Error unknown_subcommand(const CLI::App& root, const std::string& word);

}  // namespace gshard
