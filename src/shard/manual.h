// Manual regions: parts of a program that are written for one device already.
//
//   %s = f32[8] custom-call(%x), custom_call_target="Sharding", sharding={devices=[4]<=[4]}
//   %m = f32[2] custom-call(%s), custom_call_target="SPMDFullToShardShape", sharding={manual}
//
// %m is each device's own: its sharding has the mesh digits of the region as `manual`, and so has everything that is
// computed from it, up to the call that leaves the region.
#pragma once

#include <vector>

#include "shard/constraints.h"
#include "shard/sharding_table.h"

namespace gshard {

// The sharding inside of a manual region over `manual` of a value that lies outside as `sharding`.
Sharding inside_manual(const Sharding& sharding, DigitSet manual);

// The same value with the digits of the region as the major ones of each dimension, as the region sees it.
Sharding around_manual(const Sharding& sharding, DigitSet manual);

// Marks all values of manual regions. What enters one is marked already; partition-id is each device's own by nature.
void mark_manual(const Module& module, const ValueTable& values, const Mesh& mesh, const Constraints& constraints,
                 ShardingTable& shardings);

}  // namespace gshard
