// How a model lies on a mesh of devices: which axes cut which of its dimensions.
//
//   const MeshLayout layout(Mesh({{"data", 4}, {"model", 2}}),
//                           {{"batch", "data"}, {"expert", "data"}, {"heads", "model"}, {"ff", "model"}});
//   layout.axes_of({"expert", "", "ff"})      // {"data", "", "model"}: what mesh_split() takes
//
// Layers name the dimensions of their tensors and know no devices; a layout says what the names mean. Those that the
// layers of this room use:
//
//   batch    sequences               heads  attention heads
//   group    groups of tokens        ff     hidden size of feed-forward layers and experts
//   expert   experts                 vocab  rows of embeddings, and logits
//   model    the size of a token's vector
//
// A name with a dot is cut as its own entry says or, where there is none, as what stands before the dot: "model.table"
// and "batch.table", where tokens are looked up in embeddings; "vocab.logits", "model.logits" and "batch.logits", where
// these are multiplied with the last layer's result; "batch.vocab", the sequences of logits.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/small_vector.h"
#include "ir/mesh.h"

namespace gshard {

// The names of a tensor's dimensions, "" for one without a name.
using Axes = std::vector<std::string>;

class MeshLayout {
 public:
  MeshLayout() = default;  // one device
  // `cuts` says for names of dimensions which axis of the mesh cuts them, several joined by "+" (major first). Throws
  // Error(usage) on axes that the mesh has not.
  MeshLayout(Mesh mesh, std::map<std::string, std::string> cuts);

  // The paper's: batch, groups and experts over all devices, everything else whole on each.
  static MeshLayout experts(int64_t devices);
  // Batch and groups over all devices, everything else whole.
  static MeshLayout data(int64_t devices);
  // Heads, hidden units and vocabulary over all devices.
  static MeshLayout tensor(int64_t devices);
  // experts() over one axis of a mesh, tensor() over the other.
  static MeshLayout mixed(int64_t data, int64_t model);

  // experts(data), or mixed(data, model), where of embeddings, their gradients and what is multiplied with them no
  // device holds more than 1 / parts either. Tokens are looked up in a part of their vectors, and logits are products
  // that are cut by tokens, by vocabulary and, if it must be, by vectors. Throws Error(usage) where there are too few
  // devices: 64 parts take 2,048, or 512 x 8.
  static MeshLayout nothing_whole(int64_t data, int64_t model = 1, int64_t parts = 64);

  // The same, where the optimiser's state is also cut along this axis, if a dimension of its size is left.
  MeshLayout with_state_over(std::string axis) const;

  const Mesh& mesh() const { return mesh_; }
  int64_t devices() const { return mesh_.device_count(); }
  // Into how many parts a dimension of this name is cut.
  int64_t parts(const std::string& dim) const { return parts_along(axes_of({dim})[0]); }
  // Into how many parts these axes cut, "data+model" say. Throws Error(usage) on axes that the mesh has not.
  int64_t parts_along(const std::string& axes) const;
  // Per dimension the axes that cut it. An axis that an earlier dimension has taken is not taken again, so that
  // {"expert", "group"} is the experts' cut alone where both are cut by the same axis.
  std::vector<std::string> axes_of(const Axes& dims) const;
  // The same for an optimiser's state of these sizes: the state's axis cuts the largest dimension that it divides.
  std::vector<std::string> state_axes_of(const Axes& dims, const Dims& sizes) const;

 private:
  Mesh mesh_;
  std::map<std::string, std::string> cuts_;
  std::string state_axis_;
};

}  // namespace gshard
