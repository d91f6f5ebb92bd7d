// The mesh as a module has it, and as the options want it.
#pragma once

#include <string>

#include "shard/annotate.h"
#include "shard/shardy.h"

namespace gshard {

// The meshes of the module's Shardy shardings: of those that the header lists the ones that a sharding names, and those
// that stand inside of shardings, which are called "mesh"; where there are none, all that the header lists. Meshes of
// one device do not count. Throws Error(program) where a text cannot be read.
std::vector<ShardyMesh> used_shardy_meshes(const Module& module);

class MeshChoice {
 public:
  // Throws Error(program) where the shardings of the module are of several meshes, Error(usage) where the options do
  // not fit it.
  MeshChoice(const Module& module, const PartitionOptions& options);

  bool is_shardy() const { return !shardy_.empty(); }
  // Whether the header lists Shardy meshes, be they all of one device.
  bool lists_meshes() const { return lists_meshes_; }
  // Whether one of them has that name.
  bool lists(std::string_view name) const;
  bool is_resized() const { return resized_; }
  const Mesh& original() const { return original_; }
  const Mesh& mesh() const { return mesh_; }
  const std::string& shardy_name() const { return shardy_; }

 private:
  void choose_shardy(const Module& module);
  void choose_found(const Module& module);
  void resize(const PartitionOptions& options);

  std::string shardy_;
  Mesh original_;
  Mesh mesh_;
  bool lists_meshes_ = false;
  std::vector<std::string> listed_names_;
  bool resized_ = false;
};

}  // namespace gshard
