// Writing the program of one device: global types become per-device types, and values are resharded where an op reads
// or makes them otherwise than they lie.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "ir/module.h"
#include "shard/annotate.h"
#include "shard/report.h"
#include "shard/reshard_times.h"

namespace gshard {

// For ops that are to use less memory: what a byte costs, in seconds.
using MemoryPrices = std::unordered_map<const Instruction*, double>;

// Everything that was decided about a module: what localize() obeys.
struct Decision {
  const Module& module;
  const ValueTable& values;
  const Mesh& mesh;
  const ShardingTable& shardings;
  const std::vector<Sharding>& results;  // of the leaves of the entry's result
  const Machine& machine;
  ReshardTimes& times;         // on that machine
  const Annotated& annotated;  // manual edges, and what lies otherwise at the boundary
  MemoryPrices prices = {};

  const Sharding& sharding_of(const Instruction& instruction, size_t leaf = 0) const;
  const Shape& shape_of(const Instruction& instruction, size_t leaf) const;
  // Of all leaves.
  std::vector<Sharding> shardings_of(const Instruction& instruction) const;
};

struct Localized {
  std::unique_ptr<Module> module;
  std::vector<ReshardRecord> reshards;
  std::vector<TracedValue> trace;
};

// Throws Error(program) at ops that cannot be partitioned (the message names the op and the reason). The module has
// num_partitions = mesh.device_count(); its parameters and results are the padded shards of the originals.
Localized localize(const Decision& decision);

}  // namespace gshard
