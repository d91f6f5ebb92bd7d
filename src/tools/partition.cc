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
#include "tools/replications.h"
#include "tools/report.h"
#include "tools/sharding_options.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "The result is HLO with collectives, which every device runs; XLA reads it. Its header says how\n"
    "the parameters and results lie on the devices. Values of 16 MiB and more that an op needs whole\n"
    "on every device although they were cut are warned of. Where the machine's memory is known, plans\n"
    "are chosen that fit into it; a warning says so where none do.\n"
    "\n"
    "Examples:\n"
    "  gshard partition model.hlo -o model.spmd.hlo\n"
    "  gshard partition model.hlo --mesh fsdp=4,tensor=2 --report report.json -o model.spmd.hlo\n"
    "  gshard partition model.hlo | gshard stats -";

struct Options {
  std::string file;
  std::string out = "-";
  std::string report;
  ReplicationArguments replication;
  ShardingArguments sharding;
};

Json report_of(const Module& prepared, const Partitioned& program, const PartitionOptions& options,
               const std::vector<Replication>& replications) {
  const Machine& machine = options.machine;
  const std::vector<Communication> communications = communications_of(prepared, program, machine);
  double bytes = 0;
  double seconds = 0;
  for (const Communication& communication : communications) {
    bytes += communication.bytes;
    seconds += communication.seconds;
  }
  return {{"module", prepared.name()},
          {"devices", program.mesh.device_count()},
          {"mesh", json_of(program.mesh)},
          {"instructions", program.module->instruction_count()},
          {"bytes", bytes},
          {"machine", machine.name},
          {"seconds", seconds},
          {"estimate", json_of(loops_estimated(prepared, options))},
          {"communications", json_of(communications, program.mesh)},
          {"replications", json_of(replications, program.mesh)},
          {"warnings", program.warnings}};
}

int partition_file(const Options& options) {
  if (options.report == options.out) {
    throw Error::usage(fmt::format("--report and --out are both '{}': give them places of their own", options.out));
  }
  const Program program = read_program(options.file);
  return with_lines(program, [&] {
    const std::unique_ptr<Module> prepared = prepare(*program.module);
    const PartitionOptions partition_as = partition_options(options.sharding);
    const Partitioned partitioned = partition(*prepared, partition_as);
    warn_where_nothing_is_cut(*prepared, partition_as);
    for (const std::string& warning : partitioned.warnings) spdlog::warn("{}", warning);
    if (partitioned.shortage) {
      const Machine device = partition_as.machine.for_devices(partitioned.mesh.device_count());
      spdlog::warn("{}", shortage_text(*partitioned.shortage, device));
    }
    const auto replications = allowed_replications(*prepared, partitioned, partition_as, options.replication);
    verify(*partitioned.module);
    if (!options.report.empty()) {
      put_result(options.report, json_text(report_of(*prepared, partitioned, partition_as, replications)));
    }
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
  app->add_option("--report", options->report, "Write what was decided, and why, as JSON")->type_name("REPORT.json");
  add_replication_options(*app, options->replication);
  add_sharding_options(*app, options->sharding);
  return {app, [options] { return partition_file(*options); }};
}

}  // namespace gshard
