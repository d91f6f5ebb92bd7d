// Shardings and replica groups by named axes of a mesh, and the tiles that say the same.
//
//   {mesh['x'=2,'y'=4], [{'x'}, {'y':(1)2}], unreduced={'y':(2)2}}
//
// shards dimension 0 over x and dimension 1 over the major half of y. The axes are cut into digits (x; the two halves
// of y), and a sharding is an order of digits: first those of each dimension, then those of the subgroups.
#include <algorithm>
#include <numeric>

#include "text/read.h"

namespace gshard {
namespace {

// Longer lists of devices than this are refused; a mesh in its natural order needs none.
constexpr int64_t kMaxDeviceList = 1 << 20;

struct Axis {
  std::string name;
  int64_t size = 1;
};

// 'y':(2)4 is the part of y of size 4 under a major part of size 2; a plain 'y' is all of it.
struct AxisPart {
  size_t axis = 0;
  int64_t major = 1;
  int64_t size = 1;
};
using AxisParts = std::vector<AxisPart>;

struct NamedMesh {
  std::vector<Axis> axes;
  std::vector<int64_t> device_ids;  // empty: 0, 1, 2, ...
};

// ---- reading --------------------------------------------------------------------------------------------------------

// 'x' or "x".
std::string read_axis_name(Lexer& lexer) {
  if (lexer.peek() == '"') return lexer.string("the name of an axis");
  lexer.expect('\'', "before the name of an axis");
  std::string name(lexer.expect_word("the name of an axis"));
  lexer.expect('\'', "after the name of an axis");
  return name;
}

int64_t device_count(const NamedMesh& mesh) {
  int64_t count = 1;
  for (const Axis& axis : mesh.axes) count = saturating_multiply(count, axis.size);
  return count;
}

// The numbers of an iota of the product of `dims`, reshaped to `dims` and transposed.
std::vector<int64_t> transposed_iota(const Dims& dims, const Dims& order) {
  const Dims strides = row_major_strides(dims);
  std::vector<int64_t> numbers = {0};
  for (int64_t dim : order) {
    std::vector<int64_t> wider;
    for (int64_t number : numbers) {
      for (int64_t i = 0; i < dims[static_cast<size_t>(dim)]; ++i) {
        wider.push_back(number + i * strides[static_cast<size_t>(dim)]);
      }
    }
    numbers = std::move(wider);
  }
  return numbers;
}

// device_ids=(0,2,1,3) or device_ids=([2,2]T(1,0)).
void read_device_ids(Lexer& lexer, NamedMesh& mesh) {
  const size_t position = lexer.next_position();
  const int64_t count = device_count(mesh);
  if (count > kMaxDeviceList) {
    lexer.fail_at(position, "a mesh of " + std::to_string(count) + " devices with an order of its own is too large");
  }
  lexer.expect('(', "before the devices");
  if (lexer.peek() == '[') {
    TileAssignment iota;
    lexer.accept('[');
    do iota.reshape_dims.push_back(lexer.size("a size"));
    while (lexer.accept(','));
    lexer.expect(']', "after the sizes");
    iota.dims = iota.reshape_dims;
    read_transposition(lexer, iota);
    const int64_t numbered = std::accumulate(iota.dims.begin(), iota.dims.end(), int64_t{1}, saturating_multiply);
    if (numbered == count) mesh.device_ids = transposed_iota(iota.dims, iota.transpose_perm);
  } else {
    do mesh.device_ids.push_back(lexer.size("a device number"));
    while (lexer.accept(','));
  }
  lexer.expect(')', "after the devices");
  if (static_cast<int64_t>(mesh.device_ids.size()) != count) {
    lexer.fail_at(position, "the order of the devices does not have the mesh's " + std::to_string(count) + " devices");
  }
}

// mesh['x'=2,'y'=4] and its device_ids.
NamedMesh read_mesh(Lexer& lexer) {
  NamedMesh mesh;
  lexer.expect("mesh", "before the axes");
  lexer.expect('[', "before the axes");
  if (!lexer.accept(']')) {
    do {
      const size_t position = lexer.next_position();
      Axis axis{read_axis_name(lexer)};
      lexer.expect('=', "after the name of an axis");
      axis.size = lexer.size("the size of an axis");
      const bool is_double =
          std::any_of(mesh.axes.begin(), mesh.axes.end(), [&](const Axis& other) { return other.name == axis.name; });
      if (axis.size == 0 || is_double) lexer.fail_at(position, "axis '" + axis.name + "' is empty or stands twice");
      mesh.axes.push_back(std::move(axis));
    } while (lexer.accept(','));
    lexer.expect(']', "after the axes");
  }
  const Lexer::Mark mark = lexer.mark();
  if (lexer.accept(',') && lexer.accept_word("device_ids")) {
    lexer.expect('=', "after device_ids");
    read_device_ids(lexer, mesh);
  } else {
    lexer.reset(mark);
  }
  return mesh;
}

AxisPart read_part(Lexer& lexer, const NamedMesh& mesh) {
  const size_t position = lexer.next_position();
  const std::string name = read_axis_name(lexer);
  const auto found = std::find_if(mesh.axes.begin(), mesh.axes.end(), [&](const Axis& a) { return a.name == name; });
  if (found == mesh.axes.end()) lexer.fail_at(position, "the mesh has no axis '" + name + "'");
  AxisPart part{static_cast<size_t>(found - mesh.axes.begin()), 1, found->size};
  if (!lexer.accept(':')) return part;
  lexer.expect('(', "before the size of the major part");
  part.major = lexer.size("the size of the major part");
  lexer.expect(')', "after the size of the major part");
  part.size = lexer.size("the size of the part");
  const int64_t product = saturating_multiply(part.major, part.size);
  if (product == 0 || found->size % product != 0) {
    lexer.fail_at(position, "axis '" + name + "' of size " + std::to_string(found->size) + " has no part (" +
                                std::to_string(part.major) + ")" + std::to_string(part.size));
  }
  return part;
}

// {'x', 'y':(1)2}; a '?' at the end leaves the dimension open to more, which is no matter here.
AxisParts read_parts(Lexer& lexer, const NamedMesh& mesh) {
  AxisParts parts;
  lexer.expect('{', "before the axes");
  if (lexer.accept('}')) return parts;
  do {
    if (lexer.accept('?')) break;
    parts.push_back(read_part(lexer, mesh));
  } while (lexer.accept(','));
  lexer.expect('}', "after the axes");
  return parts;
}

// ---- from axes to tiles ---------------------------------------------------------------------------------------------

// The axes of a mesh cut at the ends of all parts that are used.
class DigitOrder {
 public:
  DigitOrder(Lexer& lexer, size_t position, const NamedMesh& mesh, const std::vector<AxisParts>& all)
      : lexer_(lexer), position_(position), mesh_(mesh) {
    for (size_t a = 0; a < mesh.axes.size(); ++a) cut(a, all);
    taken_.resize(sizes_.size(), false);
  }

  // Appends the digits of the parts; returns the product of their sizes.
  int64_t take(const AxisParts& parts) {
    int64_t product = 1;
    for (const AxisPart& part : parts) {
      for (size_t d = 0; d < sizes_.size(); ++d) {
        if (is_in(d, part)) product *= take(d);
      }
    }
    return product;
  }
  // The same for the digits that are neither taken nor in `parts`.
  int64_t take_all_but(const AxisParts& parts) {
    int64_t product = 1;
    for (size_t d = 0; d < sizes_.size(); ++d) {
      const bool keep = std::any_of(parts.begin(), parts.end(), [&](const AxisPart& part) { return is_in(d, part); });
      if (!keep && !taken_[d]) product *= take(d);
    }
    return product;
  }

  // The devices in the order of the digits, for tiles of the given sizes.
  TileAssignment tiles(Dims dims) const {
    TileAssignment tiles{std::move(dims), sizes_, order_, {}};
    if (tiles.reshape_dims.empty()) tiles.reshape_dims = {1}, tiles.transpose_perm = {0};
    if (mesh_.device_ids.empty()) {
      simplify(tiles);
      return tiles;
    }
    for (int64_t place : transposed_iota(tiles.reshape_dims, tiles.transpose_perm)) {
      tiles.devices.push_back(mesh_.device_ids[static_cast<size_t>(place)]);
    }
    tiles.reshape_dims.clear();
    tiles.transpose_perm.clear();
    return tiles;
  }

 private:
  void cut(size_t axis, const std::vector<AxisParts>& all) {
    std::vector<int64_t> ends = {1, mesh_.axes[axis].size};
    for (const AxisParts& parts : all) {
      for (const AxisPart& part : parts) {
        if (part.axis != axis) continue;
        ends.push_back(part.major);
        ends.push_back(part.major * part.size);
      }
    }
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    for (size_t i = 1; i < ends.size(); ++i) {
      if (ends[i] % ends[i - 1] != 0)
        lexer_.fail_at(position_, "the parts of axis '" + mesh_.axes[axis].name + "' overlap");
      sizes_.push_back(ends[i] / ends[i - 1]);
      axis_.push_back(axis);
      major_.push_back(ends[i - 1]);
    }
  }
  bool is_in(size_t digit, const AxisPart& part) const {
    return axis_[digit] == part.axis && major_[digit] >= part.major && major_[digit] < part.major * part.size;
  }
  int64_t take(size_t digit) {
    if (taken_[digit]) {
      lexer_.fail_at(position_, "axis '" + mesh_.axes[axis_[digit]].name + "' is used twice");
    }
    taken_[digit] = true;
    order_.push_back(static_cast<int64_t>(digit));
    return sizes_[digit];
  }

  Lexer& lexer_;
  size_t position_;
  const NamedMesh& mesh_;
  // Of each digit: its size, its axis, and the size of what is major to it in the axis.
  Dims sizes_;
  std::vector<size_t> axis_;
  std::vector<int64_t> major_;
  std::vector<bool> taken_;
  Dims order_;
};

struct NamedParts {
  std::vector<AxisParts> dims;
  AxisParts manual;
  AxisParts unreduced;
};

HloSharding tiled(Lexer& lexer, size_t position, const NamedMesh& mesh, const NamedParts& parts) {
  using Subgroup = HloSharding::Subgroup;
  std::vector<AxisParts> all = parts.dims;
  all.push_back(parts.manual);
  all.push_back(parts.unreduced);
  DigitOrder order(lexer, position, mesh, all);
  HloSharding sharding;
  sharding.kind = HloSharding::Kind::tiled;
  Dims dims;
  bool is_replicated = true;
  for (const AxisParts& dim : parts.dims) {
    dims.push_back(order.take(dim));
    is_replicated = is_replicated && dims.back() == 1;
  }
  const auto add_subgroup = [&](Subgroup subgroup, int64_t size) {
    if (size == 1) return;
    dims.push_back(size);
    sharding.subgroups.push_back(subgroup);
  };
  add_subgroup(Subgroup::manual, order.take(parts.manual));
  add_subgroup(Subgroup::unreduced, order.take(parts.unreduced));
  add_subgroup(Subgroup::replicated, order.take_all_but({}));
  // Where all devices are of one subgroup, a word says it.
  if (is_replicated && sharding.subgroups.size() <= 1) {
    const Subgroup all_of = sharding.subgroups.empty() ? Subgroup::replicated : sharding.subgroups[0];
    sharding.subgroups.clear();
    sharding.kind = all_of == Subgroup::manual      ? HloSharding::Kind::manual
                    : all_of == Subgroup::unreduced ? HloSharding::Kind::unreduced
                                                    : HloSharding::Kind::replicated;
    return sharding;
  }
  if (sharding.subgroups == std::vector{Subgroup::replicated}) {
    sharding.subgroups.clear();
    sharding.last_tile_dim_replicate = true;
  }
  sharding.tiles = order.tiles(std::move(dims));
  return sharding;
}

// What follows the mesh: dimensions, or one word, then the axes of subgroups.
HloSharding read_after_mesh(Lexer& lexer, size_t position, const NamedMesh& mesh) {
  using Kind = HloSharding::Kind;
  lexer.expect(',', "after the mesh");
  HloSharding sharding;
  if (lexer.accept_word("replicated")) return sharding;
  if (lexer.accept_word("manual")) return sharding.kind = Kind::manual, sharding;
  if (lexer.accept_word("unreduced")) return sharding.kind = Kind::unreduced, sharding;
  NamedParts parts;
  lexer.expect('[', "before the axes of the dimensions");
  if (!lexer.accept(']')) {
    do parts.dims.push_back(read_parts(lexer, mesh));
    while (lexer.accept(','));
    lexer.expect(']', "after the axes of the dimensions");
  }
  std::string metadata;
  while (lexer.accept(',')) {
    const size_t at = lexer.next_position();
    const std::string_view word = lexer.expect_word("replicated, unreduced, manual or metadata");
    lexer.expect('=', "after " + std::string(word));
    if (word == "unreduced") {
      parts.unreduced = read_parts(lexer, mesh);
    } else if (word == "manual") {
      parts.manual = read_parts(lexer, mesh);
    } else if (word == "replicated") {
      read_parts(lexer, mesh);
    } else if (word == "metadata") {
      const std::string braces = lexer.tidy_braces("metadata");
      metadata = braces.substr(1, braces.size() - 2);
    } else {
      lexer.fail_at(at, "unknown part of a sharding '" + std::string(word) + "'");
    }
  }
  sharding = tiled(lexer, position, mesh, parts);
  sharding.metadata = std::move(metadata);
  return sharding;
}

}  // namespace

bool mesh_is_next(Lexer& lexer) {
  const Lexer::Mark mark = lexer.mark();
  const std::string_view word = lexer.word();
  const bool found = (word == "mesh" || word == "maximal_mesh") && lexer.peek() == '[';
  lexer.reset(mark);
  return found;
}

HloSharding read_named_sharding(Lexer& lexer) {
  const size_t position = lexer.next_position();
  HloSharding sharding;
  if (lexer.accept_word("maximal_mesh")) {
    lexer.expect('[', "before the device");
    lexer.expect("device_id", "in the mesh");
    lexer.expect('=', "after device_id");
    sharding.kind = HloSharding::Kind::maximal;
    sharding.device = lexer.size("a device number");
    lexer.expect(']', "after the device");
  } else {
    const NamedMesh mesh = read_mesh(lexer);
    sharding = read_after_mesh(lexer, position, mesh);
  }
  sharding.named = tidy(lexer.text_from(position));
  return sharding;
}

ReplicaGroups read_named_groups(Lexer& lexer) {
  const size_t position = lexer.next_position();
  const NamedMesh mesh = read_mesh(lexer);
  ReplicaGroups groups;
  groups.named = tidy(lexer.text_from(position)) + " ";
  lexer.accept(',');
  const size_t members_position = lexer.next_position();
  const AxisParts members = read_parts(lexer, mesh);
  groups.named += tidy(lexer.text_from(members_position));
  // The groups are numbered by the axes that are not in them.
  DigitOrder order(lexer, position, mesh, {members});
  const int64_t count = order.take_all_but(members);
  const int64_t size = order.take(members);
  TileAssignment tiles = order.tiles({count, size});
  if (tiles.devices.empty()) {
    groups.iota = std::move(tiles);
    return groups;
  }
  for (auto at = tiles.devices.begin(); at != tiles.devices.end(); at += size)
    groups.groups.emplace_back(at, at + size);
  return groups;
}

}  // namespace gshard
