// Shardings that number the devices otherwise than the mesh does.
//
//   mesh [x=4], f32[8] sharding={devices=[4]2,0,3,1}:   [x], and device 2 stands at position 0, device 0 at 1, ...
//
// Inside of a program such an order is of no account: a value is cut the same and lies in the order of the mesh. At its
// boundary, where the user's devices hold the values, one collective-permute lies between the two.
#pragma once

#include <optional>
#include <vector>

#include "ir/sharding.h"

namespace gshard {

struct Placement {
  Sharding sharding;
  // The device at each position of the mesh; empty where it is as in the mesh.
  std::vector<int64_t> device_order;
  // The only device that has the value (a maximal sharding).
  std::optional<int64_t> device;

  bool is_of_mesh() const { return device_order.empty() && !device; }
  bool operator==(const Placement&) const = default;
};

// Throws Error(program) as from_hlo() does, but for orders that are not of the mesh.
Placement place(const HloSharding& hlo, const Mesh& mesh, size_t rank);

// The mesh with the order of the devices in which a value is placed.
Mesh mesh_of(const Placement& placement, const Mesh& mesh);

}  // namespace gshard
