// Shardings in Shardy's notation, written.
#pragma once

#include <span>
#include <string>

#include "ir/sharding.h"
#include "shard/shardy.h"

namespace gshard {

// {mesh = #sdy.mesh<["data"=2, "model"=4]>}
std::string shardy_mesh_text(const std::string& name, const Mesh& mesh);

// #sdy.sharding<@mesh, [{"data"}, {"model":(1)2}]>; of the leaves of a tuple #sdy.sharding_per_value<[<@mesh, [...]>]>.
std::string shardy_sharding_text(const std::string& mesh_name, std::span<const Sharding> leaves, const Mesh& mesh);

// Whether what is written means this sharding on the mesh; dimensions that it leaves open may be cut further.
bool says(const ShardySharding& written, const Sharding& sharding, const Mesh& mesh);

}  // namespace gshard
