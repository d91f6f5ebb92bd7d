#include "tools/replications.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "tools/table.h"
#include "tools/usage.h"

namespace gshard {
namespace {

// Values that are gathered whole on every device are worth a warning from here on.
constexpr int64_t kLarge = int64_t{16} << 20;
constexpr size_t kMostWarnings = 4;

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
  spdlog::warn("{} more values are needed whole on every device, {} in all; 'gshard partition --report' lists them",
               replications.size() - kMostWarnings, human_bytes(bytes));
}

}  // namespace

void add_replication_options(CLI::App& app, ReplicationArguments& arguments) {
  add_count_option(app, "--forbid-replication", arguments.forbidden,
                   "Fail (exit code 3) where an op needs a value of at least so many\nbytes whole on every device");
}

std::vector<Replication> allowed_replications(const Module& prepared, const Partitioned& program,
                                              const PartitionOptions& options, const ReplicationArguments& arguments) {
  const bool forbids = arguments.forbidden != ReplicationArguments::kNone;
  const int64_t least =
      forbids ? static_cast<int64_t>(std::min(arguments.forbidden, ReplicationArguments::kNone / 2)) : kLarge;
  std::vector<Replication> replications = replications_of(prepared, program, options, least);
  if (forbids && !replications.empty()) throw forbidden(prepared, replications, program.mesh);
  warn_of(replications, program.mesh);
  return replications;
}

}  // namespace gshard
