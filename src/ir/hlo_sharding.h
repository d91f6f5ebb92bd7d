// A sharding as HLO text writes it. This is only the notation, kept whole so that it prints again as it was; the
// sharding that the partitioner thinks in (mesh axes per dimension) is made from it.
//
//   {replicated}   {maximal device=3}   {manual}   {devices=[2,1,4]<=[8]}   {devices=[2,2]0,2,1,3}
//   {devices=[2,1,4]<=[2,4]T(1,0) last_tile_dim_replicate}   {devices=[2,2,2]<=[8] last_tile_dims={manual, replicated}}
//   {{replicated}, {devices=[8]<=[8]}}   {replicated shard_as 1}
//   {mesh['x'=2,'y'=4], [{'x'}, {'y':(1)2}], unreduced={'y':(2)2}}
#pragma once

#include <string>
#include <vector>

#include "base/small_vector.h"

namespace gshard {

// The devices of a tiled sharding, in row-major order of the tiles: an iota of the product of `dims`, reshaped to
// `reshape_dims`, transposed by `transpose_perm`, reshaped to `dims`. Where `devices` is not empty it is the list.
struct TileAssignment {
  Dims dims;
  Dims reshape_dims;
  Dims transpose_perm;
  std::vector<int64_t> devices;
  bool operator==(const TileAssignment&) const = default;
};

struct HloSharding {
  enum class Kind : uint8_t { replicated, maximal, manual, unreduced, unknown, tiled, tuple };
  enum class Subgroup : uint8_t { replicated, manual, unreduced };
  enum class Group : uint8_t { none, shard_as, shard_like };

  Kind kind = Kind::replicated;
  int64_t device = 0;  // of a maximal sharding
  TileAssignment tiles;
  // The last dimension of the tiles numbers copies: `last_tile_dim_replicate` in the text.
  bool last_tile_dim_replicate = false;
  // What the last subgroups.size() dimensions of the tiles mean: `last_tile_dims={...}` in the text.
  std::vector<Subgroup> subgroups;
  Group group = Group::none;
  int64_t group_id = 0;
  std::vector<HloSharding> elements;  // of a tuple
  std::string metadata;               // the text inside `metadata={...}`, as written
  // Of a sharding by named axes of a mesh: the text inside of the braces, as written. The other members then say the
  // same as tiles.
  std::string named;

  bool operator==(const HloSharding&) const = default;
};

}  // namespace gshard
