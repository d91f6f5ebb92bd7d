// What the devices hold of one value, put together.
#pragma once

#include <span>

#include "ir/literal.h"
#include "ir/sharding.h"

namespace gshard {

// The value of shape `shape` from what all devices hold of it: summands are combined, and where the sharding has manual
// digits the values of the devices along them stand one after the other in a new first dimension. Throws Error(program)
// where copies differ: it names the devices.
Literal put_together(std::span<const Literal> shards, const Shape& shape, const Sharding& sharding, const Mesh& mesh);

// Whether a shard has the type and sizes that the sharding gives it.
bool is_shard_of(const Literal& shard, const Shape& shape, const Sharding& sharding, const Mesh& mesh);

}  // namespace gshard
