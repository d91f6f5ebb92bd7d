// Passes: functions from module to module that know nothing of devices, and the one gate through which all run.
//
//   const Pass passes[] = {{"inline-calls", inline_calls}, {"eliminate-dead-code", eliminate_dead_code}};
//   PassOptions options;
//   options.verify = verify;  // from text/, which this room does not see
//   run_passes(module, passes, options);
//
// A pass changes the module in place and returns whether it changed anything. After it the module is well-formed:
// operands stand before users, callees before callers, names are unique, types follow from the operands, and the
// entry computation keeps its parameters, its result type, its aliases and donors.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "ir/module.h"

namespace gshard {

struct Pass {
  std::string_view name;
  std::function<bool(Module&)> run;
};

struct PassOptions {
  // Called before the first pass and after each one that changed something; throws Error where the module is wrong.
  // Before the first pass that is the user's error and leaves run_passes; later it is our bug and aborts.
  std::function<void(const Module&)> verify;
  // Called after each pass that changed something, with its name.
  std::function<void(const Module&, std::string_view pass)> dump;
  // Called after each pass.
  std::function<void(std::string_view pass, double seconds, bool changed)> report;
  // run_to_fixed_point gives up improving after this many rounds over all passes.
  int max_rounds = 8;
};

// Runs each pass once, in order. Returns whether any changed the module.
bool run_passes(Module& module, std::span<const Pass> passes, const PassOptions& options = {});

// Runs all passes again and again until a round changes nothing, or for options.max_rounds rounds.
bool run_to_fixed_point(Module& module, std::span<const Pass> passes, const PassOptions& options = {});

}  // namespace gshard
