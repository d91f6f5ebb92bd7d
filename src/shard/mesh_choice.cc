#include "shard/mesh_choice.h"

#include <algorithm>
#include <cctype>

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

// More are no mesh that anyone has, and would overflow what devices compute of their numbers.
constexpr int64_t kMaxDevices = int64_t{1} << 24;

// The highest device number that a sharding names; -1 where it names none.
int64_t last_device_of(const HloSharding& sharding) {
  int64_t last = -1;
  if (sharding.kind == HloSharding::Kind::maximal) last = sharding.device;
  if (sharding.kind == HloSharding::Kind::tiled) last = device_count_of(sharding) - 1;
  for (const int64_t device : sharding.tiles.devices) last = std::max(last, device);
  for (const HloSharding& element : sharding.elements) last = std::max(last, last_device_of(element));
  return last;
}

// A header that says one partition says nothing of the devices.
void check_devices(const HloSharding& sharding, int64_t partitions) {
  const int64_t last = last_device_of(sharding);
  if (last >= kMaxDevices) {
    throw Error::program("its sharding names the device " + std::to_string(last) + "; there can be " +
                         std::to_string(kMaxDevices) + " devices at most");
  }
  if (partitions == 1 || last < partitions) return;
  throw Error::program("its sharding names the device " + std::to_string(last) + ", the module's num_partitions=" +
                       std::to_string(partitions) + " has devices 0 to " + std::to_string(partitions - 1));
}

void check_devices(const Module& module) {
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->notes().sharding == nullptr) continue;
      try {
        check_devices(*instruction->notes().sharding, module.header().num_partitions);
      } catch (const Error& error) {
        throw located(error, *instruction);
      }
    }
  }
}

void check_device_count(const std::string& what, int64_t count) {
  if (count <= kMaxDevices) return;
  throw Error::program(what + " has " + std::to_string(count) + " devices; there can be " +
                       std::to_string(kMaxDevices) + " at most");
}

// Throws before anything is done in proportion to the sizes.
Mesh checked_mesh(std::vector<MeshAxis> axes, std::vector<int64_t> device_ids = {}) {
  int64_t count = 1;
  for (const MeshAxis& axis : axes) count = saturating_multiply(count, std::max<int64_t>(axis.size, 1));
  check_device_count("the mesh", count);
  return Mesh(std::move(axes), std::move(device_ids));
}

std::string joined_names(const std::vector<MeshAxis>& axes) {
  std::string names;
  for (const MeshAxis& axis : axes) names += (names.empty() ? "" : ", ") + axis.name;
  return names;
}

// Of axes that --mesh makes up: annotations and the header of the partitioned program must be able to name them.
void check_names(const std::vector<MeshAxis>& axes) {
  const auto is_alphanumeric = [](unsigned char c) { return std::isalnum(c) != 0; };
  const auto is_allowed = [&](char c) {
    return is_alphanumeric(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
  };
  for (const MeshAxis& axis : axes) {
    const std::string& name = axis.name;
    const bool is_name = std::all_of(name.begin(), name.end(), is_allowed);
    if (!is_name || std::none_of(name.begin(), name.end(), is_alphanumeric)) {
      throw Error::usage("--mesh: '" + name + "' is no name for an axis; letters, digits, '_', '-' and '.' make one");
    }
  }
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
  const auto listed = frontend_attribute(module.header().frontend_attributes, "xla.sdy.meshes");
  lists_meshes_ = listed.has_value();
  if (listed) {
    for (ShardyMesh& mesh : read_shardy_meshes(*listed)) listed_names_.push_back(std::move(mesh.name));
  }
  check_devices(module);
  choose_shardy(module);
  if (!lists_meshes_ && !is_shardy()) choose_found(module);
  resize(options);
}

bool MeshChoice::lists(std::string_view name) const {
  return std::find(listed_names_.begin(), listed_names_.end(), name) != listed_names_.end();
}

void MeshChoice::choose_shardy(const Module& module) {
  for (const ShardyMesh& mesh : used_shardy_meshes(module)) {
    if (shardy_.empty()) {
      shardy_ = mesh.name;
      original_ = checked_mesh(mesh.axes, mesh.device_ids);
    } else if (!(checked_mesh(mesh.axes, mesh.device_ids) == original_)) {
      throw Error::program("the module has two meshes, @" + shardy_ + " and @" + mesh.name +
                           "; partitioning needs one");
    }
  }
  // A header that says one partition says nothing of the devices.
  const int64_t partitions = module.header().num_partitions;
  if (is_shardy() && partitions != 1 && partitions != original_.device_count()) {
    throw Error::program("the mesh @" + shardy_ + " " + original_.to_string() + " has " +
                         std::to_string(original_.device_count()) + " devices, the module's num_partitions is " +
                         std::to_string(partitions));
  }
}

void MeshChoice::choose_found(const Module& module) {
  const std::vector<const HloSharding*> tilings = tilings_of(module);
  int64_t devices = module.header().num_partitions;
  for (const HloSharding* tiling : tilings) devices = std::max(devices, device_count_of(*tiling));
  check_device_count("the module", devices);
  original_ = find_mesh(tilings, devices);
}

void MeshChoice::resize(const PartitionOptions& options) {
  mesh_ = original_;
  std::vector<MeshAxis> axes = original_.axes();
  const bool is_new = original_.device_count() == 1 && !is_shardy();
  if (is_new && !options.mesh.empty()) {
    check_names(options.mesh);
    axes = options.mesh;
  } else {
    for (const MeshAxis& wanted : options.mesh) axis_named(axes, wanted.name).size = wanted.size;
  }
  if (options.devices) set_devices(axes, *options.devices);
  if (axes == original_.axes()) return;
  resized_ = !is_new;
  mesh_ = checked_mesh(std::move(axes));
}

}  // namespace gshard
