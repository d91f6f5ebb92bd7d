#include "ops/split.h"

#include <algorithm>

#include "base/error.h"
#include "ir/sharding.h"

namespace gshard {
namespace {

constexpr std::string_view kSharding = "Sharding";
constexpr std::string_view kToManual = "SPMDFullToShardShape";
constexpr std::string_view kToAutomatic = "SPMDShardToFullShape";

void note(Value x, HloSharding sharding) {
  x->mutable_notes().sharding = std::make_shared<const HloSharding>(std::move(sharding));
}

Value call(std::string_view target, Value x, const Shape& shape, HloSharding sharding, const Here& here) {
  CustomCallAttrs attrs;
  attrs.custom_call_target = target;
  const Value operands[] = {x};
  Value result = append({Op::custom_call, attrs, {}, shape}, operands, here);
  note(result, std::move(sharding));
  return result;
}

Value annotated(Value x, HloSharding sharding, const Here& here) {
  if (!x.shape().is_array()) throw error_here("annotation: " + x.shape().to_string() + " is no array", here);
  if (x->notes().sharding != nullptr) return call(kSharding, x, x.shape(), std::move(sharding), here);
  note(x, std::move(sharding));
  return x;
}

// All annotations of a module are for one number of devices.
void set_devices(Value x, int64_t devices, const Here& here) {
  ModuleHeader& header = x.computation().parent()->mutable_header();
  if (header.num_partitions != 1 && header.num_partitions != devices) {
    throw error_here("annotation: it is for " + std::to_string(devices) + " devices, the module has " +
                         std::to_string(header.num_partitions),
                     here);
  }
  header.num_partitions = devices;
}

void append_axis(const std::string& name, const Mesh& mesh, Digits& digits, const Here& here) {
  const auto axis = mesh.find_axis(name);
  if (!axis) throw error_here("mesh_split: the mesh " + mesh.to_string() + " has no axis '" + name + "'", here);
  const Digits more = mesh.digits_of_axis(*axis);
  digits.append({more.data(), more.size()});
}

Sharding on_mesh(size_t rank, const Mesh& mesh, const std::vector<std::string>& dims, const Here& here) {
  if (dims.size() != rank) {
    throw error_here("mesh_split: " + std::to_string(dims.size()) + " entries for a value of " + std::to_string(rank) +
                         " dimensions",
                     here);
  }
  Sharding sharding = Sharding::replicated(rank);
  size_t used = 0;
  for (size_t d = 0; d < rank; ++d) {
    for (size_t at = 0; at < dims[d].size();) {
      const size_t end = std::min(dims[d].find('+', at), dims[d].size());
      append_axis(dims[d].substr(at, end - at), mesh, sharding.dims[d], here);
      at = end + 1;
    }
    used += sharding.dims[d].size();
  }
  const DigitSet cut = sharding.cut();
  if (used != static_cast<size_t>(__builtin_popcountll(cut)))
    throw error_here("mesh_split: an axis is used twice", here);
  return sharding;
}

DigitSet digits_of(const ManualRegion& region, const Here& here) {
  if (region.axes.empty()) return region.mesh.all_digits();
  Digits digits;
  for (const std::string& axis : region.axes) append_axis(axis, region.mesh, digits, here);
  return set_of(digits);
}

// How a value lies outside of a region and inside, and what the devices along its axes hold of it.
struct Edge {
  Sharding outside;
  Sharding inside;
  Dims part;
};

Edge edge_of(const Dims& sizes, const ManualRegion& region, const std::vector<std::string>& dims, const Here& here) {
  const Sharding outside = on_mesh(sizes.size(), region.mesh, dims, here);
  const DigitSet manual = digits_of(region, here);
  Edge edge{outside, Sharding::replicated(sizes.size()), {}};
  Sharding cut = edge.inside;
  for (size_t d = 0; d < sizes.size(); ++d) {
    cut.dims[d] = within(outside.dims[d], manual);
    edge.inside.dims[d] = within(outside.dims[d], ~manual);
  }
  edge.inside.manual = manual;
  edge.part = shard_sizes(sizes, cut, region.mesh);
  return edge;
}

}  // namespace

Value replicate(Value x, Here here) { return annotated(x, HloSharding{}, here); }

Value split(Value x, size_t dim, int64_t pieces, Here here) {
  if (dim >= x.rank() || pieces < 1) {
    throw error_here("split: dimension " + std::to_string(dim) + " in " + std::to_string(pieces) + " pieces, of " +
                         x.shape().to_string(),
                     here);
  }
  if (pieces == 1) return replicate(x, here);
  const int64_t devices = std::max(x.computation().parent()->header().num_partitions, pieces);
  if (devices % pieces != 0) {
    throw error_here(
        "split: " + std::to_string(devices) + " devices are no multiple of " + std::to_string(pieces) + " pieces",
        here);
  }
  set_devices(x, devices, here);
  HloSharding sharding;
  sharding.kind = HloSharding::Kind::tiled;
  sharding.tiles.dims = Dims(x.rank(), 1);
  sharding.tiles.dims[dim] = pieces;
  sharding.tiles.reshape_dims = {devices};
  sharding.last_tile_dim_replicate = devices > pieces;
  if (devices > pieces) sharding.tiles.dims.push_back(devices / pieces);
  return annotated(x, std::move(sharding), here);
}

Value shard(Value x, const TileAssignment& assignment, Here here) {
  if (assignment.dims.size() != x.rank()) {
    throw error_here("shard: the assignment cuts " + std::to_string(assignment.dims.size()) + " dimensions of " +
                         x.shape().to_string(),
                     here);
  }
  int64_t devices = 1;
  for (const int64_t dim : assignment.dims) devices = saturating_multiply(devices, dim);
  set_devices(x, devices, here);
  HloSharding sharding;
  sharding.kind = HloSharding::Kind::tiled;
  sharding.tiles = assignment;
  return annotated(x, std::move(sharding), here);
}

Value mesh_split(Value x, const Mesh& mesh, const std::vector<std::string>& dims, Here here) {
  const Sharding sharding = on_mesh(x.rank(), mesh, dims, here);
  set_devices(x, mesh.device_count(), here);
  return annotated(x, to_hlo(sharding, mesh), here);
}

Value auto_to_manual(Value x, const ManualRegion& region, const std::vector<std::string>& dims, Here here) {
  const Edge edge = edge_of(x.dims(), region, dims, here);
  set_devices(x, region.mesh.device_count(), here);
  const Value outside = call(kSharding, x, x.shape(), to_hlo(edge.outside, region.mesh), here);
  return call(kToManual, outside, x.shape().with_dims(edge.part), to_hlo(edge.inside, region.mesh), here);
}

Value manual_to_auto(Value x, const Shape& whole, const ManualRegion& region, const std::vector<std::string>& dims,
                     Here here) {
  const Edge edge = edge_of(whole.dims(), region, dims, here);
  if (edge.part != x.dims()) {
    throw error_here("manual_to_auto: the parts of " + whole.to_string() + " are " +
                         whole.with_dims(edge.part).to_string() + ", not " + x.shape().to_string(),
                     here);
  }
  set_devices(x, region.mesh.device_count(), here);
  const Value inside = call(kSharding, x, x.shape(), to_hlo(edge.inside, region.mesh), here);
  return call(kToAutomatic, inside, whole, to_hlo(edge.outside, region.mesh), here);
}

}  // namespace gshard
