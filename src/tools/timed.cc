#include "tools/timed.h"

#include <CLI/CLI.hpp>

#include "runtime/prepare.h"
#include "shard/partition.h"
#include "tools/usage.h"

namespace gshard {

void add_timed_options(CLI::App& app, TimedOptions& options) {
  app.add_option("FILE", options.file, "HLO text; '-' is standard input")->required();
  add_count_option(app, "--repeat", options.repeat, "Timed runs (default: as many as fit into a second, 5 at least)");
  add_argument_options(app, options.arguments);
  add_sharding_options(app, options.sharding);
}

Timing time_on_backend(const Program& program, const TimedOptions& options, const CLI::App& app) {
  if (options.arguments.make_up_constants) make_up_constants(*program.module, options.arguments.seed);
  const Module& module = *program.module;
  const std::vector<Literal> arguments = make_arguments(module, module, options.arguments, app);
  check_constants(module, options.arguments);
  const TimingOptions timing{options.repeat, evaluation_with(options.arguments)};
  if (!asks_for_devices(app)) {
    return time_program([&] { return cpu::Executable::compile(*prepare(module)); }, {arguments}, timing);
  }
  const auto make_parts = [&] { return partition(*prepare(module), partition_options(options.sharding)); };
  const Partitioned parts = make_parts();
  const auto compile = [&] {
    const Partitioned made = make_parts();
    return cpu::Executable::compile(*made.module, {.grid = grid_of(*made.module)});
  };
  return time_program(compile, scatter_arguments(parts, arguments), timing);
}

}  // namespace gshard
