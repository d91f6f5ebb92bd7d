// Between HLO's tile assignments and lists of mesh digits.
#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"
#include "ir/shape.h"
#include "ir/sharding.h"

namespace gshard {
namespace {

// More devices than this are never written out one by one.
constexpr int64_t kMostListed = int64_t{1} << 24;

int64_t product_of(const Dims& dims) {
  int64_t product = 1;
  for (const int64_t dim : dims) product = saturating_multiply(product, dim);
  return product;
}

// The strides of the whole numbering, major to minor: of an iota by its reshape and transpose...
std::vector<DeviceStride> strides_of_iota(const TileAssignment& tiles) {
  const Dims strides = row_major_strides(tiles.reshape_dims);
  std::vector<DeviceStride> list;
  for (size_t i = 0; i < tiles.reshape_dims.size(); ++i) {
    const size_t from = tiles.transpose_perm.empty() ? i : static_cast<size_t>(tiles.transpose_perm[i]);
    list.push_back({tiles.reshape_dims[from], strides[from]});
  }
  return list;
}

// ... and of a list, by reading off how far apart the devices at distance 1, at the end of that run, ... are.
std::optional<std::vector<DeviceStride>> strides_of_list(const std::vector<int64_t>& devices) {
  const auto count = static_cast<int64_t>(devices.size());
  const auto device = [&](int64_t i) { return devices[static_cast<size_t>(i)]; };
  if (device(0) != 0) return std::nullopt;
  std::vector<DeviceStride> minor_first;
  for (int64_t scale = 1; scale < count;) {
    const int64_t stride = device(scale);
    int64_t size = 1;
    while (scale * size < count && device(scale * size) == stride * size) ++size;
    while (size > 1 && count % (scale * size) != 0) --size;
    if (size == 1) return std::nullopt;
    minor_first.push_back({size, stride});
    scale *= size;
  }
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    int64_t expected = 0;
    for (const DeviceStride& s : minor_first) {
      expected += rest % s.size * s.stride;
      rest /= s.size;
    }
    if (expected != device(i)) return std::nullopt;
  }
  return std::vector<DeviceStride>(minor_first.rbegin(), minor_first.rend());
}

// Deals the strides out to the dimensions of the tiles, from the minor end, cutting one where a dimension ends in it.
std::optional<std::vector<std::vector<DeviceStride>>> deal(std::vector<DeviceStride> strides, const Dims& tile_dims) {
  std::vector<std::vector<DeviceStride>> dealt(tile_dims.size());
  for (size_t d = tile_dims.size(); d-- > 0;) {
    for (int64_t left = tile_dims[d]; left > 1;) {
      while (!strides.empty() && strides.back().size == 1) strides.pop_back();
      if (strides.empty()) return std::nullopt;
      DeviceStride& minor = strides.back();
      const int64_t taken = std::gcd(left, minor.size);
      if (taken != left && taken != minor.size) return std::nullopt;
      dealt[d].insert(dealt[d].begin(), DeviceStride{taken, minor.stride});
      minor.size /= taken;
      minor.stride *= taken;
      left /= taken;
    }
  }
  return dealt;
}

// The digits of `mesh` that one stride is made of; nullopt where its ends are not on digits.
std::optional<Digits> digits_of_stride(const DeviceStride& stride, const Mesh& mesh) {
  Digits digits;
  int64_t size = 1;
  for (size_t i = 0; i < mesh.digits().size(); ++i) {
    const Mesh::DigitRow& row = mesh.digits()[i];
    if (row.stride < stride.stride || row.stride >= saturating_multiply(stride.stride, stride.size)) continue;
    digits.push_back(static_cast<Digit>(i));
    size *= row.size;
  }
  const bool begins = !digits.empty() && mesh.digits()[digits.back()].stride == stride.stride;
  if (!begins || size != stride.size) return std::nullopt;
  return digits;
}

// All devices of a tiling, in the order of its tiles.
std::vector<int64_t> devices_of(const TileAssignment& tiles) {
  if (!tiles.devices.empty()) return tiles.devices;
  const std::vector<DeviceStride> strides = strides_of_iota(tiles);
  std::vector<int64_t> devices;
  for (int64_t i = 0; i < product_of(tiles.dims); ++i) {
    int64_t device = 0;
    int64_t rest = i;
    for (size_t s = strides.size(); s-- > 0;) {
      device += rest % strides[s].size * strides[s].stride;
      rest /= strides[s].size;
    }
    devices.push_back(device);
  }
  return devices;
}

// Their positions in `order`; nullopt where that is no order of these devices.
std::optional<std::vector<int64_t>> positions_in(const std::vector<int64_t>& order, std::vector<int64_t> devices) {
  constexpr int64_t kNowhere = -1;
  std::vector<int64_t> position(order.size(), kNowhere);
  const auto is_known = [&](int64_t device) { return device >= 0 && device < static_cast<int64_t>(order.size()); };
  for (size_t p = 0; p < order.size(); ++p) {
    if (!is_known(order[p])) return std::nullopt;
    position[static_cast<size_t>(order[p])] = static_cast<int64_t>(p);
  }
  for (int64_t& device : devices) {
    if (!is_known(device) || position[static_cast<size_t>(device)] == kNowhere) return std::nullopt;
    device = position[static_cast<size_t>(device)];
  }
  return devices;
}

// How many devices in a row hold copies of one tile: the last dimensions that mean so.
int64_t copies_of(const HloSharding& sharding) {
  const Dims& dims = sharding.tiles.dims;
  if (sharding.last_tile_dim_replicate) return dims.back();
  int64_t copies = 1;
  for (size_t i = sharding.subgroups.size(); i-- > 0;) {
    if (sharding.subgroups[i] != HloSharding::Subgroup::replicated) break;
    copies *= dims[dims.size() - sharding.subgroups.size() + i];
  }
  return copies;
}

// device_strides() of a tiling whose devices are replaced by their positions in `order` (empty: that of their numbers).
// In which order the copies of a tile are listed means nothing.
std::optional<std::vector<std::vector<DeviceStride>>> strides_in(const HloSharding& sharding,
                                                                 const std::vector<int64_t>& order) {
  if (order.empty()) {
    if (auto strides = device_strides(sharding.tiles)) return strides;
  }
  if (product_of(sharding.tiles.dims) > kMostListed) return std::nullopt;
  TileAssignment placed{sharding.tiles.dims, {}, {}, devices_of(sharding.tiles)};
  if (!order.empty()) {
    auto positions = positions_in(order, std::move(placed.devices));
    if (!positions) return std::nullopt;
    placed.devices = std::move(*positions);
  }
  if (auto strides = device_strides(placed)) return strides;
  const int64_t copies = copies_of(sharding);
  if (copies == 1) return std::nullopt;
  for (auto at = placed.devices.begin(); at != placed.devices.end(); at += copies) std::sort(at, at + copies);
  return device_strides(placed);
}

std::vector<Digits> digits_of_tiles(const HloSharding& sharding, const Mesh& mesh) {
  const TileAssignment& tiles = sharding.tiles;
  if (product_of(tiles.dims) != mesh.device_count()) {
    throw Error::program("sharding: its tiles are " + std::to_string(product_of(tiles.dims)) + " devices, the mesh " +
                         mesh.to_string() + " has " + std::to_string(mesh.device_count()));
  }
  const auto strides = strides_in(sharding, mesh.device_order());
  if (!strides)
    throw Error::program("sharding: its device order does not follow the axes of the mesh " + mesh.to_string());
  std::vector<Digits> dims(tiles.dims.size());
  for (size_t d = 0; d < dims.size(); ++d) {
    for (const DeviceStride& stride : (*strides)[d]) {
      const auto digits = digits_of_stride(stride, mesh);
      if (!digits) {
        throw Error::program("sharding: groups of " + std::to_string(stride.size) + " devices at distance " +
                             std::to_string(stride.stride) + " are no part of an axis of the mesh " + mesh.to_string());
      }
      dims[d].append({digits->data(), digits->size()});
    }
  }
  return dims;
}

void add_tilings(const HloSharding& sharding, std::vector<const HloSharding*>& tilings) {
  for (const HloSharding& element : sharding.elements) add_tilings(element, tilings);
  if (sharding.kind == HloSharding::Kind::tiled) tilings.push_back(&sharding);
}

// The order of the devices in which all tilings are made of axes: the one in which a tiling lists them, or that of
// their numbers, also where there is none for all.
std::vector<int64_t> common_order(const std::vector<const HloSharding*>& tilings, int64_t device_count) {
  const auto misfit_of = [&](const std::vector<int64_t>& order) {
    return std::find_if(tilings.begin(), tilings.end(), [&](const HloSharding* tiling) {
      return product_of(tiling->tiles.dims) == device_count && !strides_in(*tiling, order);
    });
  };
  const auto first = misfit_of({});
  if (first == tilings.end()) return {};
  // The smallest of the orders that fit, so that it does not depend on which tiling comes first.
  std::set<std::vector<int64_t>> orders;
  for (auto tiling = first; tiling != tilings.end(); ++tiling) {
    const int64_t count = product_of((*tiling)->tiles.dims);
    if (count == device_count && count <= kMostListed && !strides_in(**tiling, {}))
      orders.insert(devices_of((*tiling)->tiles));
  }
  for (const auto& order : orders) {
    if (misfit_of(order) == tilings.end()) return order;
  }
  return {};
}

std::set<int64_t> boundaries_of(const std::vector<std::vector<DeviceStride>>& strides) {
  std::set<int64_t> boundaries;
  for (const auto& dim : strides) {
    for (const DeviceStride& stride : dim) boundaries.insert({stride.stride, stride.stride * stride.size});
  }
  return boundaries;
}

bool nest(const std::set<int64_t>& boundaries) {
  return std::adjacent_find(boundaries.begin(), boundaries.end(), [](int64_t a, int64_t b) { return b % a != 0; }) ==
         boundaries.end();
}

// Where several tilings meet, the devices between two boundaries of the numbering are one axis. Boundaries that do not
// nest with those of tilings before them, in an order that is not that of the text, are left out.
std::set<int64_t> common_boundaries(const std::set<std::set<int64_t>>& tilings, int64_t device_count) {
  std::set<int64_t> boundaries = {1, device_count};
  for (const std::set<int64_t>& tiling : tilings) {
    std::set<int64_t> more = boundaries;
    more.insert(tiling.begin(), tiling.end());
    if (nest(more)) boundaries = std::move(more);
  }
  return boundaries;
}

std::string axis_name(size_t index) {
  constexpr std::string_view kNames = "xyzw";
  return index < kNames.size() ? std::string(1, kNames[index]) : "x" + std::to_string(index);
}

Digits digits_in(DigitSet set, const Mesh& mesh) {
  Digits digits;
  for (size_t i = 0; i < mesh.digits().size(); ++i) {
    if ((set >> i & 1) != 0) digits.push_back(static_cast<Digit>(i));
  }
  return digits;
}

// The numbering that lists `order` (every digit once) major to minor, as an iota.
void set_iota(const Digits& order, const Mesh& mesh, TileAssignment& tiles) {
  std::vector<Digits> runs;
  for (const Digit digit : order) {
    if (runs.empty() || runs.back().back() + 1 != digit) runs.emplace_back();
    runs.back().push_back(digit);
  }
  std::vector<size_t> sorted(runs.size());
  std::iota(sorted.begin(), sorted.end(), size_t{0});
  std::sort(sorted.begin(), sorted.end(), [&](size_t a, size_t b) { return runs[a].front() < runs[b].front(); });
  if (runs.size() <= 1) {
    tiles.reshape_dims = {mesh.device_count()};
    return;
  }
  tiles.transpose_perm.resize(runs.size());
  for (size_t place = 0; place < sorted.size(); ++place) {
    tiles.reshape_dims.push_back(mesh.size_of(runs[sorted[place]]));
    tiles.transpose_perm[sorted[place]] = static_cast<int64_t>(place);
  }
}

// The same for a mesh with an explicit device order: the list of devices.
void set_list(const Digits& order, const Mesh& mesh, TileAssignment& tiles) {
  for (int64_t i = 0; i < mesh.device_count(); ++i) {
    int64_t rest = i;
    int64_t position = 0;
    for (size_t d = order.size(); d-- > 0;) {
      const Mesh::DigitRow& row = mesh.digits()[order[d]];
      position += rest % row.size * row.stride;
      rest /= row.size;
    }
    tiles.devices.push_back(mesh.device_order()[static_cast<size_t>(position)]);
  }
}

void set_devices(const Digits& order, const Mesh& mesh, TileAssignment& tiles) {
  if (mesh.device_order().empty()) {
    set_iota(order, mesh, tiles);
  } else {
    set_list(order, mesh, tiles);
  }
}

}  // namespace

std::optional<std::vector<std::vector<DeviceStride>>> device_strides(const TileAssignment& tiles) {
  if (tiles.devices.empty()) return deal(strides_of_iota(tiles), tiles.dims);
  const auto strides = strides_of_list(tiles.devices);
  return strides ? deal(*strides, tiles.dims) : std::nullopt;
}

Mesh find_mesh(const std::vector<const HloSharding*>& shardings, int64_t device_count) {
  std::vector<const HloSharding*> tilings;
  for (const HloSharding* sharding : shardings) add_tilings(*sharding, tilings);
  std::vector<int64_t> order = common_order(tilings, device_count);
  std::set<std::set<int64_t>> boundaries;
  for (const HloSharding* tiling : tilings) {
    if (const auto strides = strides_in(*tiling, order)) boundaries.insert(boundaries_of(*strides));
  }
  std::vector<MeshAxis> axes;
  int64_t before = 1;
  for (const int64_t boundary : common_boundaries(boundaries, device_count)) {
    if (boundary > 1) axes.push_back({"", boundary / before});
    before = boundary;
  }
  std::reverse(axes.begin(), axes.end());
  for (size_t a = 0; a < axes.size(); ++a) axes[a].name = axis_name(a);
  return Mesh(std::move(axes), std::move(order));
}

Sharding from_hlo(const HloSharding& hlo, const Mesh& mesh, size_t rank) {
  Sharding sharding = Sharding::replicated(rank);
  switch (hlo.kind) {
    case HloSharding::Kind::replicated:
      return sharding;
    case HloSharding::Kind::manual:
      sharding.manual = mesh.all_digits();
      return sharding;
    case HloSharding::Kind::unreduced:
      sharding.partial = mesh.all_digits();
      sharding.reducer = Reducer::add;
      return sharding;
    case HloSharding::Kind::tiled:
      break;
    case HloSharding::Kind::maximal:
    case HloSharding::Kind::unknown:
    case HloSharding::Kind::tuple:
      throw Error::program("sharding: maximal, unknown and tuple shardings do not lay one array on a mesh");
  }
  const size_t extra = hlo.subgroups.size() + (hlo.last_tile_dim_replicate ? 1 : 0);
  if (hlo.tiles.dims.size() != rank + extra) {
    throw Error::program("sharding: it cuts " + std::to_string(hlo.tiles.dims.size() - extra) +
                         " dimensions, the value has " + std::to_string(rank));
  }
  std::vector<Digits> dims = digits_of_tiles(hlo, mesh);
  for (size_t i = 0; i < hlo.subgroups.size(); ++i) {
    const DigitSet set = set_of(dims[rank + i]);
    if (hlo.subgroups[i] == HloSharding::Subgroup::manual) sharding.manual |= set;
    if (hlo.subgroups[i] != HloSharding::Subgroup::unreduced || set == 0) continue;
    sharding.partial |= set;
    sharding.reducer = Reducer::add;
  }
  dims.resize(rank);
  sharding.dims = std::move(dims);
  return sharding;
}

HloSharding to_hlo(const Sharding& sharding, const Mesh& mesh) {
  HloSharding hlo;
  const DigitSet all = mesh.all_digits();
  if (sharding.is_replicated()) return hlo;
  if (sharding.manual == all || sharding.partial == all) {
    hlo.kind = sharding.manual == all ? HloSharding::Kind::manual : HloSharding::Kind::unreduced;
    return hlo;
  }
  hlo.kind = HloSharding::Kind::tiled;
  Digits order;
  for (const Digits& digits : sharding.dims) {
    order.append({digits.data(), digits.size()});
    hlo.tiles.dims.push_back(mesh.size_of(digits));
  }
  const std::pair<DigitSet, HloSharding::Subgroup> groups[] = {
      {sharding.manual, HloSharding::Subgroup::manual},
      {sharding.partial, HloSharding::Subgroup::unreduced},
      {all & ~sharding.used(), HloSharding::Subgroup::replicated}};
  for (const auto& [set, meaning] : groups) {
    if (set == 0) continue;
    const Digits digits = digits_in(set, mesh);
    order.append({digits.data(), digits.size()});
    hlo.tiles.dims.push_back(mesh.size_of(digits));
    hlo.subgroups.push_back(meaning);
  }
  if (hlo.subgroups.size() == 1 && hlo.subgroups[0] == HloSharding::Subgroup::replicated) {
    hlo.subgroups.clear();
    hlo.last_tile_dim_replicate = true;
  }
  set_devices(order, mesh, hlo.tiles);
  return hlo;
}

TileAssignment device_groups(const Digits& members, const Mesh& mesh) {
  Digits order = digits_in(mesh.all_digits() & ~set_of(members), mesh);
  TileAssignment groups;
  groups.dims = {mesh.size_of(order), mesh.size_of(members)};
  order.append({members.data(), members.size()});
  set_devices(order, mesh, groups);
  return groups;
}

}  // namespace gshard
