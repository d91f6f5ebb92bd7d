// What a device and its links can do: how plans are timed.
//
//   Machine machine = *machine_named("tpu-v3");
//   machine.axes["data"] = {5e9, 2e-6};             // a slower network between rows of the mesh
//
// Times are estimates for choosing between plans: one collective after the other, over links that nobody else uses.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/mesh.h"

namespace gshard {

// From one device to its neighbour, in each direction.
struct Link {
  double bytes_per_second = 1;
  double latency = 0;  // seconds until the first byte
  bool operator==(const Link&) const = default;
};

struct Machine {
  std::string name;
  // Of one device; a multiplication and an addition are two operations.
  double operations_per_second = 1;
  double memory_bytes_per_second = 1;
  double memory_bytes = 0;   // that it can hold, a limit of plans; 0: not known
  double round_latency = 0;  // seconds lost in each round of a loop
  Link link;
  // Links along axes of the mesh, by their names, that are not as `link`.
  std::map<std::string, Link> axes;
  // All devices of a program are threads that share one machine's cores and memory: sending takes them from computing.
  bool is_shared = false;

  // The slowest link along some digits.
  Link link_along(const Digits& digits, const Mesh& mesh) const;
  // The same machine as one of `devices` that share it.
  Machine for_devices(int64_t devices) const;

  bool operator==(const Machine&) const = default;
};

// Messages one after the other in which all of so many devices get what one of them has: each doubles who has it.
double doublings(int64_t devices);

// Machines known by name, the first of which is what plans are made for unless told otherwise: "balanced", where a byte
// over a link costs 64 multiplications, and a round of a loop as much as 10 kB.
const std::vector<Machine>& known_machines();
std::optional<Machine> machine_named(std::string_view name);

}  // namespace gshard
