// gshard partition: the program of one device.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "runtime/file.h"
#include "runtime/prepare.h"
#include "shard/partition.h"
#include "text/print.h"
#include "text/verify.h"
#include "tools/program.h"
#include "tools/sharding_options.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "The result is HLO with collectives, which every device runs; XLA reads it.\n"
    "\n"
    "Examples:\n"
    "  gshard partition model.hlo -o model.spmd.hlo\n"
    "  gshard partition model.hlo | gshard stats -";

struct Options {
  std::string file;
  std::string out = "-";
  ShardingArguments sharding;
};

int partition_file(const Options& options) {
  const Program program = read_program(options.file);
  return with_lines(program, [&] {
    const std::unique_ptr<Module> prepared = prepare(*program.module);
    const Partitioned partitioned = partition(*prepared, partition_options(options.sharding));
    for (const std::string& warning : partitioned.warnings) spdlog::warn("{}", warning);
    verify(*partitioned.module);
    put_result(options.out, print(*partitioned.module));
    return 0;
  });
}

}  // namespace

Command add_partition(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "partition", "Write the program that each device runs", kNotes);
  app->add_option("FILE", options->file, "HLO text; '-' is standard input")->required();
  app->add_option("-o,--out", options->out, "Write to this file ('-', the default, is standard output)")
      ->type_name("OUT.hlo");
  add_sharding_options(*app, options->sharding);
  return {app, [options] { return partition_file(*options); }};
}

}  // namespace gshard
