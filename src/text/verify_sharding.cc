// Shardings against the types of the values that they annotate.
#include <algorithm>

#include "text/verify_parts.h"

namespace gshard {
namespace {

using Kind = HloSharding::Kind;

std::string dims_text(const Dims& dims) {
  std::string text;
  for (int64_t size : dims) text += (text.empty() ? "" : ",") + std::to_string(size);
  return "[" + text + "]";
}

int64_t product(const Dims& dims) {
  int64_t total = 1;
  for (int64_t size : dims) total = saturating_multiply(total, size);
  return total;
}

void verify_devices(const Instruction& i, const TileAssignment& tiles) {
  const std::string shown = "sharding: devices=" + dims_text(tiles.dims);
  for (int64_t size : tiles.dims) {
    if (size < 1) throw error_at(i, shown + " has a dimension of " + std::to_string(size) + " tiles");
  }
  const int64_t count = product(tiles.dims);
  if (tiles.devices.empty()) {
    if (product(tiles.reshape_dims) != count) {
      throw error_at(i, shown + " has " + std::to_string(count) + " tiles, <=" + dims_text(tiles.reshape_dims) +
                            " has " + std::to_string(product(tiles.reshape_dims)) + " devices");
    }
    return;
  }
  if (static_cast<int64_t>(tiles.devices.size()) != count) {
    throw error_at(
        i, shown + " has " + std::to_string(count) + " tiles for " + std::to_string(tiles.devices.size()) + " devices");
  }
  std::vector<int64_t> sorted = tiles.devices;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) throw error_at(i, shown + " names the device " + std::to_string(*twice) + " twice");
  if (sorted.front() < 0) throw error_at(i, shown + " names the device " + std::to_string(sorted.front()));
}

void verify_array_sharding(const Instruction& i, const HloSharding& sharding, const Shape& shape) {
  if (sharding.kind == Kind::tuple) throw error_at(i, "sharding: a tuple of shardings for " + shape.to_string());
  if (sharding.kind != Kind::tiled) return;
  verify_devices(i, sharding.tiles);
  const size_t copies = sharding.last_tile_dim_replicate ? 1 : sharding.subgroups.size();
  const size_t dims = sharding.tiles.dims.size();
  if (!shape.is_array() || dims == shape.rank() + copies) return;
  throw error_at(i, "sharding: devices=" + dims_text(sharding.tiles.dims) + " tiles " +
                        std::to_string(dims < copies ? 0 : dims - copies) + " dimensions, " + shape.to_string() +
                        " has " + std::to_string(shape.rank()));
}

// The elements of a tuple sharding stand for the leaves of the type, in order; `next` is the next of them.
void verify_leaves(const Instruction& i, const HloSharding& sharding, const Shape& shape, size_t& next) {
  if (shape.is_tuple()) {
    for (const Shape& element : shape.elements()) verify_leaves(i, sharding, element, next);
    return;
  }
  const bool per_leaf = sharding.kind == Kind::tuple;
  verify_array_sharding(i, per_leaf ? sharding.elements[next++] : sharding, shape);
}

// The value that an op's sharding speaks of: outfeed returns a token and is annotated with what it takes.
bool is_annotated_by_operands(Op op) { return op == Op::outfeed || op == Op::send; }

}  // namespace

void verify_sharding(const Instruction& i) {
  const HloSharding* sharding = i.notes().sharding.get();
  if (sharding == nullptr || is_annotated_by_operands(i.op())) return;
  const Shape& shape = i.shape();
  // An empty tuple is annotated as if it had one element.
  const int64_t leaves = std::max<int64_t>(shape.leaf_count(), 1);
  if (sharding->kind == Kind::tuple && static_cast<int64_t>(sharding->elements.size()) != leaves) {
    throw error_at(i, "sharding: " + std::to_string(sharding->elements.size()) + " shardings for the " +
                          std::to_string(leaves) + " arrays of " + shape.to_string());
  }
  if (!shape.is_tuple() && !shape.is_array()) return;
  size_t next = 0;
  if (shape.is_tuple()) {
    verify_leaves(i, *sharding, shape, next);
  } else {
    verify_array_sharding(i, *sharding, shape);
  }
}

}  // namespace gshard
