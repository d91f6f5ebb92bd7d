#include "shard/placement.h"

#include "base/error.h"
#include "ir/shape.h"

namespace gshard {
namespace {

// Digits whose sizes multiply to `size`, the major ones first, out of those that are left.
std::optional<Digits> take_digits(int64_t size, const Mesh& mesh, DigitSet& left) {
  Digits taken;
  for (size_t i = 0; i < mesh.digits().size() && size > 1; ++i) {
    const int64_t digit_size = mesh.digits()[i].size;
    if ((left >> i & 1) == 0 || size % digit_size != 0) continue;
    taken.push_back(static_cast<Digit>(i));
    left &= ~digit_bit(static_cast<Digit>(i));
    size /= digit_size;
  }
  if (size != 1) return std::nullopt;
  return taken;
}

// The devices of the tiles in row-major order.
std::vector<int64_t> devices_of(const TileAssignment& tiles, int64_t count) {
  if (!tiles.devices.empty()) return tiles.devices;
  const Dims strides = row_major_strides(tiles.reshape_dims);
  std::vector<int64_t> devices;
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    int64_t device = 0;
    for (size_t d = tiles.reshape_dims.size(); d-- > 0;) {
      const auto from = tiles.transpose_perm.empty() ? d : static_cast<size_t>(tiles.transpose_perm[d]);
      device += rest % tiles.reshape_dims[from] * strides[from];
      rest /= tiles.reshape_dims[from];
    }
    devices.push_back(device);
  }
  return devices;
}

// The tiling with the digits that its sizes ask for, whatever its order, and that order.
std::optional<Placement> place_in_own_order(const HloSharding& hlo, const Mesh& mesh, size_t rank) {
  DigitSet left = mesh.all_digits();
  std::vector<Digits> dims;
  Digits order;
  for (const int64_t size : hlo.tiles.dims) {
    const auto digits = take_digits(size, mesh, left);
    if (!digits) return std::nullopt;
    dims.push_back(*digits);
    order.append({digits->data(), digits->size()});
  }
  if (left != 0 || dims.size() < rank) return std::nullopt;
  Placement placement;
  placement.device_order.resize(static_cast<size_t>(mesh.device_count()));
  const std::vector<int64_t> devices = devices_of(hlo.tiles, mesh.device_count());
  for (size_t tile = 0; tile < devices.size(); ++tile) {
    auto rest = static_cast<int64_t>(tile);
    int64_t position = 0;
    for (size_t d = order.size(); d-- > 0;) {
      const Mesh::DigitRow& row = mesh.digits()[order[d]];
      position += rest % row.size * row.stride;
      rest /= row.size;
    }
    placement.device_order[static_cast<size_t>(position)] = devices[tile];
  }
  const Mesh own(mesh.axes(), placement.device_order);
  placement.sharding = from_hlo(hlo, own, rank);
  return placement;
}

}  // namespace

Placement place(const HloSharding& hlo, const Mesh& mesh, size_t rank) {
  if (hlo.kind == HloSharding::Kind::maximal) {
    return {
        Sharding::replicated(rank), {}, hlo.device < mesh.device_count() ? std::optional(hlo.device) : std::nullopt};
  }
  try {
    return {from_hlo(hlo, mesh, rank), {}, std::nullopt};
  } catch (const Error&) {
    int64_t count = 1;
    for (const int64_t dim : hlo.tiles.dims) count = saturating_multiply(count, dim);
    if (hlo.kind != HloSharding::Kind::tiled || count != mesh.device_count()) throw;
    if (auto placement = place_in_own_order(hlo, mesh, rank)) return *std::move(placement);
    throw;
  }
}

Mesh mesh_of(const Placement& placement, const Mesh& mesh) {
  return placement.device_order.empty() ? mesh : Mesh(mesh.axes(), placement.device_order);
}

}  // namespace gshard
