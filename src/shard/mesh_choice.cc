#include "shard/mesh_choice.h"

#include <algorithm>

#include "shard/shardy.h"

namespace gshard {
namespace {

std::vector<const HloSharding*> tilings_of(const Module& module) {
  std::vector<const HloSharding*> all;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->notes().sharding != nullptr) all.push_back(instruction->notes().sharding.get());
    }
  }
  return all;
}

int64_t device_count_of(const HloSharding& sharding) {
  int64_t count = 1;
  if (sharding.kind == HloSharding::Kind::tiled) {
    for (const int64_t dim : sharding.tiles.dims) count = saturating_multiply(count, dim);
  }
  if (sharding.kind == HloSharding::Kind::maximal) count = sharding.device + 1;
  for (const HloSharding& element : sharding.elements) count = std::max(count, device_count_of(element));
  return count;
}

std::string joined_names(const std::vector<MeshAxis>& axes) {
  std::string names;
  for (const MeshAxis& axis : axes) names += (names.empty() ? "" : ", ") + axis.name;
  return names;
}

MeshAxis& axis_named(std::vector<MeshAxis>& axes, const std::string& name) {
  for (MeshAxis& axis : axes) {
    if (axis.name == name) return axis;
  }
  throw Error::usage("--mesh: the module's mesh has no axis '" + name + "'; it has " + joined_names(axes));
}

void set_devices(std::vector<MeshAxis>& axes, int64_t devices) {
  if (axes.empty()) axes.push_back({"x", 1});
  int64_t count = 1;
  std::vector<MeshAxis*> cut;
  for (MeshAxis& axis : axes) {
    count *= axis.size;
    if (axis.size > 1) cut.push_back(&axis);
  }
  if (count == devices) return;
  if (axes.size() == 1) cut = {&axes[0]};
  if (cut.size() != 1) {
    throw Error::usage("--devices " + std::to_string(devices) + ": the module's mesh " + Mesh(axes).to_string() +
                       " has " + (cut.empty() ? "no axis" : "several axes") +
                       " that could be resized; say which with --mesh");
  }
  cut[0]->size = devices;
}

// Whether a sharding in the module is one of this mesh.
bool is_named(const ShardyMesh& mesh, const Module& module) {
  const std::string name = "@" + mesh.name + ",";
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      const auto& attributes = instruction->notes().frontend_attributes;
      if (attributes == nullptr) continue;
      for (const auto& [key, value] : *attributes) {
        if (key.starts_with("xla.sdy.") && value.find(name) != std::string::npos) return true;
      }
    }
  }
  return false;
}

// Of several meshes those that a sharding names, or all where none does; meshes of one device are none.
std::vector<ShardyMesh> used_meshes(const Module& module, const std::string& text) {
  std::vector<ShardyMesh> meshes = read_shardy_meshes(text);
  std::erase_if(meshes, [](const ShardyMesh& mesh) { return mesh.axes.empty(); });
  if (meshes.size() <= 1) return meshes;
  std::vector<ShardyMesh> named;
  for (const ShardyMesh& mesh : meshes) {
    if (is_named(mesh, module)) named.push_back(mesh);
  }
  return named.empty() ? meshes : named;
}

}  // namespace

MeshChoice::MeshChoice(const Module& module, const PartitionOptions& options) {
  if (const auto text = frontend_attribute(module.header().frontend_attributes, "xla.sdy.meshes")) {
    choose_shardy(module, *text);
  } else {
    choose_found(module);
  }
  resize(options);
}

void MeshChoice::choose_shardy(const Module& module, const std::string& text) {
  for (const ShardyMesh& mesh : used_meshes(module, text)) {
    if (shardy_.empty()) {
      shardy_ = mesh.name;
      original_ = Mesh(mesh.axes, mesh.device_ids);
    } else if (!(Mesh(mesh.axes, mesh.device_ids) == original_)) {
      throw Error::program("the module has two meshes, @" + shardy_ + " and @" + mesh.name +
                           "; partitioning needs one");
    }
  }
}

void MeshChoice::choose_found(const Module& module) {
  const std::vector<const HloSharding*> tilings = tilings_of(module);
  int64_t devices = module.header().num_partitions;
  for (const HloSharding* tiling : tilings) devices = std::max(devices, device_count_of(*tiling));
  original_ = find_mesh(tilings, devices);
}

void MeshChoice::resize(const PartitionOptions& options) {
  mesh_ = original_;
  std::vector<MeshAxis> axes = original_.axes();
  const bool is_new = original_.device_count() == 1 && !is_shardy();
  if (is_new && !options.mesh.empty()) {
    axes = options.mesh;
  } else {
    for (const MeshAxis& wanted : options.mesh) axis_named(axes, wanted.name).size = wanted.size;
  }
  if (options.devices) set_devices(axes, *options.devices);
  if (axes == original_.axes()) return;
  resized_ = !is_new;
  mesh_ = Mesh(std::move(axes));
}

}  // namespace gshard
