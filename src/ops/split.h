// Annotations: which values are cut over which devices (GShard, section 3.2). The rest of the program follows by
// propagation (shard/partition.h).
//
//   Value x = split(tokens, 0, 8);                       // dimension 0 over 8 devices
//   Value w = replicate(gating_weight);                  // whole on every device
//   Value e = mesh_split(expert_in, mesh, {"expert", "", "", "model"});
//
// Each returns the value with its annotation: the same instruction, or, where it has an annotation already, a copy that
// lies otherwise. All annotations of a module are for one number of devices, which the first of them gives it; they
// throw Error(program) with the caller's place where they do not fit.
#pragma once

#include <string>
#include <vector>

#include "ir/hlo_sharding.h"
#include "ir/mesh.h"
#include "ops/value.h"

namespace gshard {

// Whole on every device.
Value replicate(Value x, Here here = Here::current());

// Dimension `dim` in `pieces` equal parts (the last may be smaller) on as many groups of neighbouring devices. The
// module has `pieces` devices if it has not been given more.
Value split(Value x, size_t dim, int64_t pieces, Here here = Here::current());

// Cut into a grid of tiles, each on the device that the assignment names.
Value shard(Value x, const TileAssignment& assignment, Here here = Here::current());

// Per dimension the axes of a mesh that cut it: "" for none, "data+model" for two, major first.
Value mesh_split(Value x, const Mesh& mesh, const std::vector<std::string>& dims, Here here = Here::current());

// Where each device has its own program: along all axes of a mesh, or along those that are named alone. Then the
// partitioner goes on cutting along the others inside of the region.
//
//   const ManualRegion region(mesh, {"expert"});
//   Value mine = auto_to_manual(x, region, {"expert", "", "model"});     // a part of dimension 0, all of the others
struct ManualRegion {
  ManualRegion(const Mesh& mesh) : mesh(mesh) {}
  ManualRegion(const Mesh& mesh, std::vector<std::string> axes) : mesh(mesh), axes(std::move(axes)) {}

  const Mesh& mesh;               // outlives the region
  std::vector<std::string> axes;  // none: all
};

// Into a manual region: each device's part of x, as mesh_split() would lay it, as a value of its own. Of a region along
// some axes these alone cut it, and along the others it stays laid out like that. Between this and manual_to_auto() the
// program is the one of a device, collectives included.
Value auto_to_manual(Value x, const ManualRegion& region, const std::vector<std::string>& dims,
                     Here here = Here::current());
// Out of it: the whole of type `whole` whose parts the devices hold.
Value manual_to_auto(Value x, const Shape& whole, const ManualRegion& region, const std::vector<std::string>& dims,
                     Here here = Here::current());

}  // namespace gshard
