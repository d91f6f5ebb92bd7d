#include "shard/boundary_values.h"

#include "eval/simulate.h"
#include "ir/literal_leaves.h"
#include "shard/boundary.h"
#include "shard/placement.h"

namespace gshard {
namespace {

Mesh mesh_of(const BoundaryValue& value, const Mesh& mesh) {
  return mesh_of(Placement{value.sharding, value.device_order, value.device}, mesh);
}

}  // namespace

std::vector<Literal> shards_of(const Literal& whole, const BoundaryValue& value, const Mesh& mesh) {
  if (!whole.shape().is_array()) return std::vector<Literal>(static_cast<size_t>(mesh.device_count()), whole);
  std::vector<Literal> shards = scatter(whole, value.sharding, mesh_of(value, mesh));
  for (size_t device = 0; value.device && device < shards.size(); ++device) {
    if (static_cast<int64_t>(device) != *value.device) shards[device] = Literal(whole.shape());
  }
  return shards;
}

Literal whole_of(std::span<const Literal> shards, const BoundaryValue& value, const Mesh& mesh) {
  if (!value.shape.is_array()) return shards[0];
  if (value.device) return shards[static_cast<size_t>(*value.device)];
  return gather(shards, value.shape, value.sharding, mesh_of(value, mesh));
}

std::vector<std::vector<Literal>> scatter_arguments(const Boundary& program, std::span<const Literal> arguments) {
  check_virtual_devices(program.replicas, program.mesh.device_count());
  const auto devices = static_cast<size_t>(program.mesh.device_count());
  std::vector<std::vector<Literal>> all(devices);
  for (size_t number = 0; number < arguments.size(); ++number) {
    std::vector<Literal> wholes;
    add_leaves(arguments[number], wholes);
    std::vector<std::vector<Literal>> of_device(devices);
    for (size_t leaf = 0; leaf < wholes.size(); ++leaf) {
      const auto shards = shards_of(wholes[leaf], program.parameters[number][leaf], program.mesh);
      for (size_t device = 0; device < devices; ++device) of_device[device].push_back(shards[device]);
    }
    for (size_t device = 0; device < devices; ++device) {
      size_t next = 0;
      all[device].push_back(rebuilt(arguments[number].shape(), of_device[device], next));
    }
  }
  const size_t of_one_replica = all.size();
  for (int64_t replica = 1; replica < program.replicas; ++replica) {
    for (size_t device = 0; device < of_one_replica; ++device) all.push_back(all[device]);
  }
  return all;
}

Literal gather_results(const Boundary& program, const Shape& shape, std::span<const Literal> results) {
  results = results.first(static_cast<size_t>(program.mesh.device_count()));
  std::vector<std::vector<Literal>> leaves(results.size());
  for (size_t device = 0; device < results.size(); ++device) add_leaves(results[device], leaves[device]);
  std::vector<Literal> wholes;
  for (size_t leaf = 0; leaf < program.results.size(); ++leaf) {
    std::vector<Literal> shards;
    for (const auto& of_device : leaves) shards.push_back(of_device[leaf]);
    wholes.push_back(whole_of(shards, program.results[leaf], program.mesh));
  }
  size_t next = 0;
  return rebuilt(shape, wholes, next);
}

}  // namespace gshard
