// Single values of the whole program on the devices of a partitioned one; scatter_arguments() and gather_results() of
// shard/partition.h do the same with all of them.
#pragma once

#include <span>
#include <vector>

#include "shard/partition.h"

namespace gshard {

// What each device of one replica holds of a leaf.
std::vector<Literal> shards_of(const Literal& whole, const BoundaryValue& value, const Mesh& mesh);

// The leaf from what the devices of one replica hold. Throws Error(program) where copies differ.
Literal whole_of(std::span<const Literal> shards, const BoundaryValue& value, const Mesh& mesh);

}  // namespace gshard
