// How one value lies on a mesh: for each dimension the mesh digits that cut it, major to minor.
//
//   mesh [data=2, model=4],  f32[16,64] with dims {{data}, {model}}: each device holds f32[8,16]
//
// Digits that cut no dimension hold copies, unless they are `partial` (each device along them holds a summand, to be
// combined by `reducer`) or `manual` (each device along them holds its own value of the per-device type). Every digit
// is used at most once. Nothing here grows with the number of devices.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/small_vector.h"
#include "ir/hlo_sharding.h"
#include "ir/mesh.h"

namespace gshard {

// How partial values are combined.
enum class Reducer : uint8_t { none, add, mul, max, min, and_, or_, xor_ };

struct Sharding {
  SmallVector<Digits, 4> dims;
  DigitSet partial = 0;
  Reducer reducer = Reducer::none;
  DigitSet manual = 0;

  static Sharding replicated(size_t rank) { return {SmallVector<Digits, 4>(rank), 0, Reducer::none, 0}; }

  DigitSet cut() const;  // the digits that cut some dimension
  DigitSet used() const { return cut() | partial | manual; }
  bool is_replicated() const { return used() == 0; }
  // Number of pieces of a dimension.
  int64_t pieces(size_t dim, const Mesh& mesh) const { return mesh.size_of(dims[dim]); }

  bool operator==(const Sharding&) const = default;

  // "[data, model:(1)2, -] partial(add): x": one entry per dimension, "-" where it is whole.
  std::string to_string(const Mesh& mesh) const;
};

// The per-device sizes under a sharding: ceil(size / pieces).
Dims shard_sizes(const Dims& sizes, const Sharding& sharding, const Mesh& mesh);

// ---- HLO's notation ---------------------------------------------------------------------------------------------

// One dimension of a tile assignment as device numbers: going one step along it adds `stride` to the device.
struct DeviceStride {
  int64_t size = 1;
  int64_t stride = 1;
  bool operator==(const DeviceStride&) const = default;
};

// For each dimension of the tiles, the strides that it is a product of, major to minor; nullopt where the order of the
// devices is no mixed-radix permutation.
std::optional<std::vector<std::vector<DeviceStride>>> device_strides(const TileAssignment& tiles);

// The coarsest unnamed mesh over `device_count` devices in which `shardings` are lists of axes. Axes are called x, y,
// z, w, x4, x5, ... major to minor. A sharding whose numbering does not nest with those before it, or has no axes at
// all, leaves no trace: it is no list of axes of this mesh.
Mesh find_mesh(const std::vector<const HloSharding*>& shardings, int64_t device_count);

// The sharding on `mesh` of an array of `rank` dimensions. Throws Error(program) where it does not fit the mesh or the
// rank, and on maximal shardings and tuples, which are no sharding of one array.
Sharding from_hlo(const HloSharding& hlo, const Mesh& mesh, size_t rank);

// The same in HLO's notation; iota form where the mesh has no explicit device order.
HloSharding to_hlo(const Sharding& sharding, const Mesh& mesh);

// The devices in groups whose members differ only along `members`, listed in the order of those digits: the replica
// groups of a collective. The dims of the result are {groups, members}.
TileAssignment device_groups(const Digits& members, const Mesh& mesh);

}  // namespace gshard
