// Machines as small TOML files.
//
//   name = "two-racks"
//   operations_per_second = 312e12
//   memory_bytes_per_second = 2e12
//   memory_bytes = 80e9                     # a limit of plans, of all devices where they share it; may be left out
//   round_latency = 5e-6                    # what a round of a loop costs
//   shared = false                          # true where all devices are threads on the same cores
//   [link]
//   bytes_per_second = 300e9
//   latency = 2e-6
//   [axes.data]                             # links along one axis of the mesh, where they are others
//   bytes_per_second = 25e9
//   latency = 5e-6
#pragma once

#include <string>

#include "shard/machine.h"

namespace gshard {

// A machine known by name, or the file of that path. Throws Error(usage) with file, line and what is wrong.
Machine read_machine(const std::string& name_or_path);

std::string machine_text(const Machine& machine);

// The machine at hand, whose devices are threads: the speed of matrix products in f32 and of memory on all cores, and
// how long one thread waits for another.
Machine measure_machine();

}  // namespace gshard
