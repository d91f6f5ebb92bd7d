// The arguments of a program that a subcommand runs: read from a file, or made up.
#pragma once

#include <string>
#include <vector>

#include "eval/evaluate.h"
#include "ir/module.h"
#include "tools/command.h"

namespace gshard {

struct GivenArguments {
  std::string args;
  uint64_t seed = 0;
  bool signs = false;
  bool make_up_constants = false;
};

// --args, --seed, --signed and --make-up-constants.
void add_argument_options(CLI::App& app, GivenArguments& options);

// Arguments for `evaluated`, which is `module` or the same with wider types. Throws Error(memory) where they do not fit
// into this machine, before any is made.
std::vector<Literal> make_arguments(const Module& module, const Module& evaluated, const GivenArguments& options,
                                    const CLI::App& app);

// The options of an evaluation with these arguments on this machine.
EvaluateOptions evaluation_with(const GivenArguments& options);

// Throws Error(program) where a constant has no values and none are to be made up.
void check_constants(const Module& module, const GivenArguments& options);

}  // namespace gshard
