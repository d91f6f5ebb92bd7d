// What `gshard bench` and `gshard profile` share: a program, its arguments and devices, timed on the CPU backend.
#pragma once

#include <string>

#include "runtime/timing.h"
#include "tools/arguments.h"
#include "tools/program.h"
#include "tools/sharding_options.h"

namespace gshard {

struct TimedOptions {
  std::string file;
  uint64_t repeat = 0;
  GivenArguments arguments;
  ShardingArguments sharding;
};

void add_timed_options(CLI::App& app, TimedOptions& options);

// Partitioned where --devices, --mesh or --annotate say so.
Timing time_on_backend(const Program& program, const TimedOptions& options, const CLI::App& app);

}  // namespace gshard
