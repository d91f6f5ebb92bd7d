#include "shard/machine.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gshard {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

}  // namespace

Link Machine::link_along(const Digits& digits, const Mesh& mesh) const {
  Link slowest = link;
  bool first = true;
  for (const Digit digit : digits) {
    const auto found = axes.find(mesh.axes()[static_cast<size_t>(mesh.digits()[digit].axis)].name);
    const Link& other = found == axes.end() ? link : found->second;
    slowest.bytes_per_second =
        first ? other.bytes_per_second : std::min(slowest.bytes_per_second, other.bytes_per_second);
    slowest.latency = first ? other.latency : std::max(slowest.latency, other.latency);
    first = false;
  }
  return slowest;
}

Machine Machine::for_devices(int64_t devices) const {
  Machine one = *this;
  if (!is_shared) return one;
  one.operations_per_second /= static_cast<double>(devices);
  one.memory_bytes_per_second /= static_cast<double>(devices);
  one.memory_bytes /= static_cast<double>(devices);
  return one;
}

double doublings(int64_t devices) { return std::ceil(std::log2(static_cast<double>(devices))); }

// Peak rates as their makers state them: bf16 with f32 accumulation, memory, one direction of the links together. A
// round of a loop starts a handful of kernels.
const std::vector<Machine>& known_machines() {
  static const std::vector<Machine> kMachines = {
      {"balanced", 128e9, kUnlimited, 0, 10e-6, {1e9, 0}, {}, false},
      {"tpu-v3", 61.5e12, 450e9, 16e9, 2e-6, {70e9, 1e-6}, {}, false},   // one core of two to a chip; a 2-D torus
      {"h100", 989e12, 3.35e12, 80e9, 10e-6, {450e9, 3e-6}, {}, false},  // in a node; see `axes` for between nodes
      {"threads", 400e9, 20e9, 0, 5e-6, {10e9, 5e-6}, {}, true},         // of one process on a few cores
  };
  return kMachines;
}

std::optional<Machine> machine_named(std::string_view name) {
  for (const Machine& machine : known_machines()) {
    if (machine.name == name) return machine;
  }
  return std::nullopt;
}

}  // namespace gshard
