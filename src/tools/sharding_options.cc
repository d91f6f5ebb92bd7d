#include "tools/sharding_options.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <limits>
#include <set>

#include "runtime/machine_file.h"
#include "runtime/statistics.h"
#include "tools/usage.h"

namespace gshard {

void add_sharding_options(CLI::App& app, ShardingArguments& arguments) {
  add_count_option(app, "--devices", arguments.devices, "Resize the one axis of the mesh that is not of size 1");
  app.get_option("--devices")->check([](const std::string& count) -> std::string {
    return count.find_first_not_of('0') == std::string::npos ? "there must be 1 device at least" : "";
  });
  app.add_option("--mesh", arguments.mesh,
                 "Resize axes of the mesh, and with them every sharding;\na module without "
                 "annotations gets this mesh")
      ->type_name("AXIS=SIZE,...");
  app.add_option("--annotate", arguments.annotations,
                 "Annotate values whose name or op_name matches ('*' any text,\n'?' any character): per dimension its "
                 "axes joined by '+',\n'_' for none, '?' to leave it open; may be repeated")
      ->allow_extra_args(false)
      ->type_name("PATTERN=DIM,...");
  app.add_option("--machine", arguments.machine,
                 "Choose plans by the speeds of this machine: balanced (default),\n"
                 "tpu-v3, h100, threads, or a TOML file (see 'gshard help machine')")
      ->type_name("NAME|FILE");
}

bool asks_for_devices(const CLI::App& app) {
  const bool asks = app.count("--devices") + app.count("--mesh") + app.count("--annotate") > 0;
  if (!asks && app.count("--machine") > 0) {
    throw Error::usage("--machine is of a partitioned program: give --devices, --mesh or --annotate too");
  }
  return asks;
}

PartitionOptions partition_options(const ShardingArguments& arguments) {
  PartitionOptions options;
  if (arguments.devices > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
    throw Error::usage(
        fmt::format("--devices {}: more than {} devices", arguments.devices, std::numeric_limits<int32_t>::max()));
  }
  if (arguments.devices > 0 && !arguments.mesh.empty()) {
    throw Error::usage("--devices and --mesh both resize the mesh: give one of them");
  }
  if (arguments.devices > 0) options.devices = static_cast<int64_t>(arguments.devices);
  if (!arguments.mesh.empty()) options.mesh = parse_mesh(arguments.mesh);
  std::set<std::string> axes;
  for (const MeshAxis& axis : options.mesh) {
    if (axes.insert(axis.name).second) continue;
    throw Error::usage(fmt::format("--mesh '{}': it has two sizes for '{}'", arguments.mesh, axis.name));
  }
  for (const std::string& text : arguments.annotations) options.annotations.push_back(parse_annotation(text));
  if (!arguments.machine.empty()) options.machine = read_machine(arguments.machine);
  return options;
}

void warn_where_nothing_is_cut(const Module& module, const PartitionOptions& options) {
  if (!options.annotations.empty() || module.header().replica_count > 1) return;
  if (statistics_of(module).annotated > 0) return;
  const bool has_devices = options.devices || !options.mesh.empty();
  const std::string axis = !options.mesh.empty() ? options.mesh[0].name : options.devices ? "x" : "data";
  spdlog::warn("nothing is annotated, so nothing is cut; annotate from outside, as in {}--annotate 'NAME={},_'",
               has_devices ? "" : "--mesh data=4 ", axis);
}

std::string mesh_text(const Mesh& mesh) {
  std::vector<std::string> axes;
  size_t ones = 0;
  for (const MeshAxis& axis : mesh.axes()) {
    if (axis.size == 1) {
      ++ones;
    } else {
      axes.push_back(fmt::format("{}={}", axis.name, axis.size));
    }
  }
  const std::string text = axes.empty() ? "one device" : fmt::format("{}", fmt::join(axes, ", "));
  return ones == 0 ? text : fmt::format("{} ({} more {} of size 1)", text, ones, ones == 1 ? "axis" : "axes");
}

std::string devices_text(const Mesh& mesh) {
  const int64_t devices = mesh.device_count();
  return devices == 1 ? mesh_text(mesh) : fmt::format("{} devices, {}", devices, mesh_text(mesh));
}

}  // namespace gshard
