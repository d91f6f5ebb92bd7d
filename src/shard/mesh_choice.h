// The mesh as a module has it, and as the options want it.
#pragma once

#include <string>

#include "shard/annotate.h"

namespace gshard {

class MeshChoice {
 public:
  // Throws Error(program) where the shardings of the module are of several meshes, Error(usage) where the options do not
  // fit it.
  MeshChoice(const Module& module, const PartitionOptions& options);

  bool is_shardy() const { return !shardy_.empty(); }
  bool is_resized() const { return resized_; }
  const Mesh& original() const { return original_; }
  const Mesh& mesh() const { return mesh_; }
  const std::string& shardy_name() const { return shardy_; }

 private:
  void choose_shardy(const Module& module, const std::string& text);
  void choose_found(const Module& module);
  void resize(const PartitionOptions& options);

  std::string shardy_;
  Mesh original_;
  Mesh mesh_;
  bool resized_ = false;
};

}  // namespace gshard
