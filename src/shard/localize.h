// Writing the program of one device: global types become per-device types, and values are resharded where an op reads
// or makes them otherwise than they lie.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "ir/mesh.h"
#include "ir/module.h"
#include "ir/sharding.h"
#include "shard/report.h"
#include "shard/value_table.h"

namespace gshard {

// Everything that was decided about a module: what localize() obeys.
struct Decision {
  const Module& module;
  const ValueTable& values;
  const Mesh& mesh;
  const std::vector<Sharding>& shardings;  // of every class of values
  const std::vector<Sharding>& results;    // of the leaves of the entry's result
  // How the operands of a call that enters a manual region lie outside of it, and the results of one that leaves it.
  const std::unordered_map<const Instruction*, std::vector<Sharding>>& manual_edges;
};

struct Localized {
  std::unique_ptr<Module> module;
  std::vector<ReshardRecord> reshards;
};

// Throws Error(program) at ops that cannot be partitioned (the message names the op and the reason). The module has
// num_partitions = mesh.device_count(); its parameters and results are the padded shards of the originals.
Localized localize(const Decision& decision);

}  // namespace gshard
