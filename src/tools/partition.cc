// gshard partition: the program of one device.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>

#include "runtime/file.h"
#include "runtime/prepare.h"
#include "shard/partition.h"
#include "text/print.h"
#include "text/verify.h"
#include "tools/program.h"
#include "tools/report.h"
#include "tools/sharding_options.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "The result is HLO with collectives, which every device runs; XLA reads it. Its header says how\n"
    "the parameters and results lie on the devices. Values of 16 MiB and more that an op needs whole\n"
    "on every device although they were cut are warned of.\n"
    "\n"
    "Examples:\n"
    "  gshard partition model.hlo -o model.spmd.hlo\n"
    "  gshard partition model.hlo --mesh fsdp=4,tensor=2 --report report.json -o model.spmd.hlo\n"
    "  gshard partition model.hlo | gshard stats -";

constexpr uint64_t kNothingForbidden = std::numeric_limits<uint64_t>::max();
// Values that are gathered whole on every device are worth a warning from here on.
constexpr int64_t kLarge = int64_t{16} << 20;
constexpr size_t kMostWarnings = 4;

struct Options {
  std::string file;
  std::string out = "-";
  std::string report;
  uint64_t forbidden = kNothingForbidden;
  ShardingArguments sharding;
};

std::string text_of(const Replication& replication, const Mesh& mesh) {
  return describe(replication, mesh, human_bytes(replication.shape.byte_size()));
}

Error forbidden(const Module& prepared, const std::vector<Replication>& replications, const Mesh& mesh) {
  const Instruction& cause = *replications[0].cause;
  std::string text = text_of(replications[0], mesh);
  if (replications.size() > 1) text += fmt::format(" (and {} more)", replications.size() - 1);
  return Error::program(text).at({prepared.file(), cause.text_line(), cause.text_column(), ""});
}

void warn_of(const std::vector<Replication>& replications, const Mesh& mesh) {
  for (size_t i = 0; i < std::min(replications.size(), kMostWarnings); ++i) {
    spdlog::warn("{}", text_of(replications[i], mesh));
  }
  if (replications.size() <= kMostWarnings) return;
  double bytes = 0;
  for (size_t i = kMostWarnings; i < replications.size(); ++i) {
    bytes += static_cast<double>(replications[i].shape.byte_size());
  }
  spdlog::warn("{} more values are needed whole on every device, {} in all; --report lists them",
               replications.size() - kMostWarnings, human_bytes(bytes));
}

Json report_of(const Module& prepared, const Partitioned& program, const Machine& machine,
               const std::vector<Replication>& replications) {
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
          {"communications", json_of(communications, program.mesh)},
          {"replications", json_of(replications, program.mesh)},
          {"warnings", program.warnings}};
}

int partition_file(const Options& options) {
  const Program program = read_program(options.file);
  return with_lines(program, [&] {
    const std::unique_ptr<Module> prepared = prepare(*program.module);
    const PartitionOptions partition_as = partition_options(options.sharding);
    const Partitioned partitioned = partition(*prepared, partition_as);
    for (const std::string& warning : partitioned.warnings) spdlog::warn("{}", warning);
    const bool forbids = options.forbidden != kNothingForbidden;
    const int64_t least =
        forbids ? static_cast<int64_t>(std::min<uint64_t>(options.forbidden, kNothingForbidden / 2)) : kLarge;
    const auto replications = replications_of(*prepared, partitioned, partition_as, least);
    if (forbids && !replications.empty()) throw forbidden(*prepared, replications, partitioned.mesh);
    warn_of(replications, partitioned.mesh);
    verify(*partitioned.module);
    if (!options.report.empty()) {
      put_result(options.report, json_text(report_of(*prepared, partitioned, partition_as.machine, replications)));
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
  add_count_option(*app, "--forbid-replication", options->forbidden,
                   "Fail (exit code 3) where an op needs a value of at least so many\nbytes whole on every device");
  add_sharding_options(*app, options->sharding);
  return {app, [options] { return partition_file(*options); }};
}

}  // namespace gshard
