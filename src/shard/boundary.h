// Between whole values and the shards that the devices hold.
#pragma once

#include <span>
#include <vector>

#include "ir/literal.h"
#include "ir/sharding.h"

namespace gshard {

// The shard of every device: shard = ceil(size / pieces) per dimension, what lies beyond the end is zero. The sharding
// has no partial or manual digits.
std::vector<Literal> scatter(const Literal& whole, const Sharding& sharding, const Mesh& mesh);

// The whole value of shape `shape` from the shards of all devices. Throws Error(program) where copies of a shard
// differ: it names the devices.
Literal gather(std::span<const Literal> shards, const Shape& shape, const Sharding& sharding, const Mesh& mesh);

}  // namespace gshard
