// Writing the program of one device: global types become per-device types, and values are resharded where an op reads
// or makes them otherwise than they lie.
#pragma once

#include <memory>
#include <vector>

#include "ir/mesh.h"
#include "ir/module.h"
#include "ir/sharding.h"
#include "shard/value_table.h"

namespace gshard {

// `shardings` has the sharding of every class of values of `module`. Throws Error(program) at ops that cannot be
// partitioned (the message names the op and the reason). The result has num_partitions = mesh.device_count(); its
// parameters and results are the padded shards of the originals.
std::unique_ptr<Module> localize(const Module& module, const ValueTable& values, const Mesh& mesh,
                                 const std::vector<Sharding>& shardings);

}  // namespace gshard
