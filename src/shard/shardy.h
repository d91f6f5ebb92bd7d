// Shardy's notation for meshes and shardings, as modules dumped from JAX carry it in their frontend attributes.
//
//   xla.sdy.meshes={mesh = #sdy.mesh<["data"=2, "model"=4]>}
//   xla.sdy.sharding="#sdy.sharding<@mesh, [{\"data\"}, {\"model\":(1)2, ?}], replicated={}, unreduced={}>"
//   xla.sdy.sharding="#sdy.sharding<mesh<[\"data\"=2]>, [{\"data\"}]>"
//   xla.sdy.sharding="#sdy.sharding_per_value<[<@mesh, [{}]>, <@mesh, [{\"data\"}]>]>"
//   xla.sdy.manual_axes="#sdy<manual_axes{\"data\"}>"
//
// These functions read text; they do not know which devices there are. All throw Error(program) that quotes what they
// cannot read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/instruction.h"
#include "ir/mesh.h"

namespace gshard {

// "model":(2)4 is the part of size 4 of the axis under a major part of size 2; a plain "model" is all of it.
struct ShardyAxis {
  std::string name;
  int64_t major = 1;
  std::optional<int64_t> size;
};

struct ShardyDim {
  std::vector<ShardyAxis> axes;
  bool open = false;  // `?`: may be cut further
};

struct ShardyMesh {
  std::string name;
  std::vector<MeshAxis> axes;
  std::vector<int64_t> device_ids;  // empty where they are in order
};

struct ShardySharding {
  std::string mesh;                       // its name, without the '@'; empty where the mesh itself stands there
  std::optional<ShardyMesh> inline_mesh;  // without a name
  std::vector<ShardyDim> dims;
  std::vector<ShardyAxis> replicated;  // by which open dimensions may not be cut either
  std::vector<ShardyAxis> unreduced;
};

std::vector<ShardyMesh> read_shardy_meshes(std::string_view text);
// One sharding for each value; a `#sdy.sharding` is for one, and so is one that starts at its `<`.
std::vector<ShardySharding> read_shardy_shardings(std::string_view text);
std::vector<std::string> read_manual_axes(std::string_view text);

// The value of a frontend attribute without its quotes and escapes; nullopt where there is none of that name.
std::optional<std::string> frontend_attribute(const FrontendAttributes& attributes, std::string_view name);
std::optional<std::string> frontend_attribute(const Instruction& instruction, std::string_view name);

}  // namespace gshard
