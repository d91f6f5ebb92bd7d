// Shardings: {devices=[2,1,4]<=[8]T(1,0) last_tile_dim_replicate} and the other forms of ir/hlo_sharding.h.
#include <algorithm>
#include <array>
#include <utility>

#include "text/read.h"

namespace gshard {
namespace {

Dims read_numbers(Lexer& lexer, char open, char close, std::string_view what) {
  lexer.expect(open, "before " + std::string(what));
  Dims numbers;
  do numbers.push_back(lexer.size(what));
  while (lexer.accept(','));
  lexer.expect(close, "after " + std::string(what));
  return numbers;
}

int64_t product(const Dims& dims) {
  int64_t result = 1;
  for (int64_t size : dims) result = saturating_multiply(result, size);
  return result;
}

void read_device_list(Lexer& lexer, TileAssignment& tiles) {
  const size_t position = lexer.next_position();
  do tiles.devices.push_back(lexer.size("a device number"));
  while (lexer.accept(','));
  if (static_cast<int64_t>(tiles.devices.size()) != product(tiles.dims)) {
    lexer.fail_at(position, "the list names " + std::to_string(tiles.devices.size()) + " devices; the tiles have " +
                                std::to_string(product(tiles.dims)) + " places");
  }
}

void read_iota(Lexer& lexer, TileAssignment& tiles) {
  const size_t position = lexer.next_position();
  tiles.reshape_dims = read_numbers(lexer, '[', ']', "the shape of the device numbers");
  if (product(tiles.reshape_dims) != product(tiles.dims)) {
    lexer.fail_at(position, "the devices number " + std::to_string(product(tiles.reshape_dims)) + "; the tiles have " +
                                std::to_string(product(tiles.dims)) + " places");
  }
  read_transposition(lexer, tiles);
}

using Kind = HloSharding::Kind;
using Subgroup = HloSharding::Subgroup;

std::vector<Subgroup> read_subgroups(Lexer& lexer) {
  constexpr std::array<std::pair<std::string_view, Subgroup>, 3> kSubgroups = {
      {{"replicated", Subgroup::replicated}, {"manual", Subgroup::manual}, {"unreduced", Subgroup::unreduced}}};
  lexer.expect('{', "after last_tile_dims=");
  std::vector<Subgroup> subgroups;
  if (lexer.accept('}')) return subgroups;
  do {
    const size_t position = lexer.next_position();
    const std::string_view word = lexer.expect_word("replicated, manual or unreduced");
    bool found = false;
    for (const auto& [name, subgroup] : kSubgroups) {
      if (name == word) subgroups.push_back(subgroup), found = true;
    }
    if (!found) lexer.fail_at(position, "expected replicated, manual or unreduced, found '" + std::string(word) + "'");
  } while (lexer.accept(','));
  lexer.expect('}', "after the last tile dimensions");
  return subgroups;
}

// One word of a sharding that is no tuple. Returns false where it is none that HLO knows.
bool read_part(Lexer& lexer, std::string_view word, HloSharding& sharding) {
  constexpr std::array<std::pair<std::string_view, Kind>, 4> kPlain = {{{"replicated", Kind::replicated},
                                                                        {"manual", Kind::manual},
                                                                        {"unreduced", Kind::unreduced},
                                                                        {"unknown", Kind::unknown}}};
  for (const auto& [name, kind] : kPlain) {
    if (name == word) return sharding.kind = kind, true;
  }
  if (word == "maximal") {
    sharding.kind = Kind::maximal;
  } else if (word == "device") {
    lexer.expect('=', "after device");
    sharding.kind = Kind::maximal;
    sharding.device = lexer.size("a device number");
  } else if (word == "devices") {
    lexer.expect('=', "after devices");
    sharding.kind = Kind::tiled;
    sharding.tiles = read_tiles(lexer);
  } else if (word == "last_tile_dim_replicate") {
    sharding.last_tile_dim_replicate = true;
  } else if (word == "last_tile_dims") {
    lexer.expect('=', "after last_tile_dims");
    sharding.subgroups = read_subgroups(lexer);
  } else if (word == "shard_as" || word == "shard_like") {
    sharding.group = word == "shard_as" ? HloSharding::Group::shard_as : HloSharding::Group::shard_like;
    sharding.group_id = lexer.size("a shard group");
  } else if (word == "metadata") {
    lexer.expect('=', "after metadata");
    const std::string braces = lexer.tidy_braces("metadata");
    sharding.metadata = braces.substr(1, braces.size() - 2);
  } else {
    return false;
  }
  return true;
}

void check_tiles(Lexer& lexer, size_t position, const HloSharding& sharding) {
  const size_t extra = sharding.subgroups.size() + (sharding.last_tile_dim_replicate ? 1 : 0);
  if (extra == 0) return;
  if (sharding.kind != Kind::tiled) lexer.fail_at(position, "last_tile_dims stands without devices=");
  if (extra > sharding.tiles.dims.size()) {
    lexer.fail_at(position, "the tiles have " + std::to_string(sharding.tiles.dims.size()) + " dimensions, and " +
                                std::to_string(extra) + " of them are to be subgroups");
  }
}

}  // namespace

void read_transposition(Lexer& lexer, TileAssignment& tiles) {
  if (!lexer.accept('T')) return;
  const size_t at = lexer.next_position();
  tiles.transpose_perm = read_numbers(lexer, '(', ')', "the transposition of the device numbers");
  Dims sorted = tiles.transpose_perm;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted.size() != tiles.reshape_dims.size() || sorted[i] != static_cast<int64_t>(i)) {
      lexer.fail_at(at, "the transposition must name each of the " + std::to_string(tiles.reshape_dims.size()) +
                            " dimensions once");
    }
  }
}

void simplify(TileAssignment& tiles) {
  Dims order = tiles.transpose_perm;
  if (order.empty()) {
    for (size_t i = 0; i < tiles.reshape_dims.size(); ++i) order.push_back(static_cast<int64_t>(i));
  }
  // Dimensions of one device do not count; runs that stay together are one dimension.
  const auto size_of = [&](int64_t dim) { return tiles.reshape_dims[static_cast<size_t>(dim)]; };
  std::vector<std::pair<int64_t, int64_t>> runs;  // the first dimension of a run and its size
  int64_t last = 0;
  for (int64_t dim : order) {
    if (size_of(dim) == 1) continue;
    bool follows = !runs.empty() && last < dim;
    for (int64_t between = last + 1; follows && between < dim; ++between) follows = size_of(between) == 1;
    if (follows) {
      runs.back().second = saturating_multiply(runs.back().second, size_of(dim));
    } else {
      runs.emplace_back(dim, size_of(dim));
    }
    last = dim;
  }
  if (runs.empty()) runs.emplace_back(0, 1);
  auto sorted = runs;
  std::sort(sorted.begin(), sorted.end());
  tiles.reshape_dims.clear();
  tiles.transpose_perm.clear();
  for (const auto& [first, size] : sorted) tiles.reshape_dims.push_back(size);
  if (runs.size() == 1) return;
  for (const auto& run : runs) {
    tiles.transpose_perm.push_back(std::lower_bound(sorted.begin(), sorted.end(), run) - sorted.begin());
  }
}

TileAssignment read_tiles(Lexer& lexer) {
  TileAssignment tiles;
  tiles.dims = read_numbers(lexer, '[', ']', "the tile dimensions");
  if (lexer.accept("<=")) {
    read_iota(lexer, tiles);
    simplify(tiles);
  } else {
    read_device_list(lexer, tiles);
  }
  return tiles;
}

HloSharding read_sharding(Lexer& lexer) {
  const Lexer::Nesting nesting(lexer);
  const size_t position = lexer.next_position();
  lexer.expect('{', "before the sharding");
  if (mesh_is_next(lexer)) {
    HloSharding named = read_named_sharding(lexer);
    lexer.expect('}', "at the end of the sharding");
    return named;
  }
  HloSharding sharding;
  if (lexer.peek() == '{' || lexer.peek() == '}') {
    sharding.kind = Kind::tuple;
    if (lexer.accept('}')) return sharding;
    do sharding.elements.push_back(read_sharding(lexer));
    while (lexer.accept(','));
    lexer.expect('}', "at the end of the tuple's sharding");
    return sharding;
  }
  while (!lexer.accept('}')) {
    const size_t at = lexer.next_position();
    const std::string_view word = lexer.expect_word("a sharding");
    if (!read_part(lexer, word, sharding)) {
      lexer.fail_at(at, "unknown sharding '" + std::string(word) +
                            "'; known are replicated, maximal, manual, unreduced, unknown and devices=[...]");
    }
    lexer.accept(',');
  }
  check_tiles(lexer, position, sharding);
  if (sharding.subgroups == std::vector{Subgroup::replicated}) {
    sharding.subgroups.clear();
    sharding.last_tile_dim_replicate = true;
  }
  return sharding;
}

}  // namespace gshard
