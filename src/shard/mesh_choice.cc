#include "shard/mesh_choice.h"

#include <algorithm>

#include "shard/refusal.h"

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

bool says_shardings(std::string_view key) {
  return key == "xla.sdy.sharding" || key == "xla.sdy.in_shardings" || key == "xla.sdy.out_shardings";
}

// The meshes that stand inside of an instruction's shardings.
std::vector<ShardyMesh> inline_meshes(const Instruction& instruction) {
  std::vector<ShardyMesh> meshes;
  const auto& attributes = instruction.notes().frontend_attributes;
  if (attributes == nullptr) return meshes;
  for (const auto& [key, value] : *attributes) {
    if (!says_shardings(key) || value.find("mesh<") == std::string::npos) continue;
    for (ShardySharding& sharding : read_shardy_shardings(*frontend_attribute(*attributes, key))) {
      if (sharding.inline_mesh) meshes.push_back(std::move(*sharding.inline_mesh));
    }
  }
  return meshes;
}

std::vector<ShardyMesh> inline_meshes(const Module& module) {
  std::vector<ShardyMesh> meshes;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      try {
        for (ShardyMesh& mesh : inline_meshes(*instruction)) {
          mesh.name = "mesh";
          meshes.push_back(std::move(mesh));
        }
      } catch (const Error& error) {
        throw located(error, *instruction);
      }
    }
  }
  return meshes;
}

}  // namespace

std::vector<ShardyMesh> used_shardy_meshes(const Module& module) {
  const auto text = frontend_attribute(module.header().frontend_attributes, "xla.sdy.meshes");
  std::vector<ShardyMesh> listed = text ? read_shardy_meshes(*text) : std::vector<ShardyMesh>();
  std::vector<ShardyMesh> used;
  std::copy_if(listed.begin(), listed.end(), std::back_inserter(used),
               [&](const ShardyMesh& mesh) { return is_named(mesh, module); });
  std::vector<ShardyMesh> inside = inline_meshes(module);
  std::move(inside.begin(), inside.end(), std::back_inserter(used));
  const auto has_one_device = [](const ShardyMesh& mesh) { return mesh.axes.empty(); };
  std::erase_if(used, has_one_device);
  std::erase_if(listed, has_one_device);
  return used.empty() ? listed : used;
}

MeshChoice::MeshChoice(const Module& module, const PartitionOptions& options) {
  lists_meshes_ = frontend_attribute(module.header().frontend_attributes, "xla.sdy.meshes").has_value();
  choose_shardy(module);
  if (!lists_meshes_ && !is_shardy()) choose_found(module);
  resize(options);
}

void MeshChoice::choose_shardy(const Module& module) {
  for (const ShardyMesh& mesh : used_shardy_meshes(module)) {
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
