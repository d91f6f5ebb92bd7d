#include "transform/pass.h"

#include <chrono>

#include "base/error.h"

namespace gshard {
namespace {

void verify_after(const Pass& pass, const Module& module, const PassOptions& options) {
  try {
    options.verify(module);
  } catch (const Error& error) {
    check_failed("the module is valid", __FILE__, __LINE__,
                 "after pass " + std::string(pass.name) + ": " + error.what());
  }
}

bool run_one(Module& module, const Pass& pass, const PassOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const bool changed = pass.run(module);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (options.report) options.report(pass.name, took.count(), changed);
  if (changed && options.verify) verify_after(pass, module, options);
  if (changed && options.dump) options.dump(module, pass.name);
  return changed;
}

bool run_round(Module& module, std::span<const Pass> passes, const PassOptions& options) {
  bool changed = false;
  for (const Pass& pass : passes) changed |= run_one(module, pass, options);
  return changed;
}

}  // namespace

bool run_passes(Module& module, std::span<const Pass> passes, const PassOptions& options) {
  if (options.verify) options.verify(module);
  return run_round(module, passes, options);
}

bool run_to_fixed_point(Module& module, std::span<const Pass> passes, const PassOptions& options) {
  if (options.verify) options.verify(module);
  bool changed = false;
  for (int round = 0; round < options.max_rounds && run_round(module, passes, options); ++round) changed = true;
  return changed;
}

}  // namespace gshard
