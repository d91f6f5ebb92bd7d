#include "runtime/device_values.h"

#include <map>

#include "eval/reduce.h"
#include "shard/boundary.h"

namespace gshard {
namespace {

size_t device_at(int64_t position, const Mesh& mesh) {
  return static_cast<size_t>(mesh.device_order().empty() ? position
                                                         : mesh.device_order()[static_cast<size_t>(position)]);
}

// The position on the mesh that differs from this one only in being the first along some digits.
int64_t first_along(DigitSet digits, int64_t position, const Mesh& mesh) {
  int64_t first = position;
  for (size_t d = 0; d < mesh.digits().size(); ++d) {
    const Mesh::DigitRow& row = mesh.digits()[d];
    if ((digits >> d & 1) != 0) first -= position / row.stride % row.size * row.stride;
  }
  return first;
}

// The sums of what the devices of each group hold of a partial value, on all of them.
std::vector<Literal> summed(std::span<const Literal> shards, const Sharding& sharding, const Mesh& mesh) {
  std::map<int64_t, std::vector<size_t>> groups;
  for (int64_t position = 0; position < mesh.device_count(); ++position) {
    groups[first_along(sharding.partial, position, mesh)].push_back(device_at(position, mesh));
  }
  std::vector<Literal> sums(shards.begin(), shards.end());
  for (const auto& [first, devices] : groups) {
    std::vector<const Literal*> parts;
    for (const size_t device : devices) parts.push_back(&shards[device]);
    const Literal sum = combined(sharding.reducer, parts);
    for (const size_t device : devices) sums[device] = sum;
  }
  return sums;
}

Shape with_first_dim(const Shape& shape, int64_t size) {
  Dims dims = shape.dims();
  dims.insert(dims.begin(), size);
  return shape.with_dims(std::move(dims));
}

}  // namespace

Literal put_together(std::span<const Literal> shards, const Shape& shape, const Sharding& sharding, const Mesh& mesh) {
  if (sharding.partial != 0) {
    Sharding reduced = sharding;
    reduced.partial = 0;
    reduced.reducer = Reducer::none;
    return put_together(summed(shards, sharding, mesh), shape, reduced, mesh);
  }
  if (sharding.manual == 0) return gather(shards, shape, sharding, mesh);
  Sharding stacked = sharding;
  stacked.manual = 0;
  Digits manual;
  for (size_t digit = 0; digit < mesh.digits().size(); ++digit) {
    if ((sharding.manual >> digit & 1) != 0) manual.push_back(static_cast<Digit>(digit));
  }
  stacked.dims.insert(stacked.dims.begin(), manual);
  std::vector<Literal> rows;
  for (const Literal& shard : shards) rows.push_back(shard.reshaped(with_first_dim(shard.shape(), 1)));
  return gather(rows, with_first_dim(shape, mesh.size_of(manual)), stacked, mesh);
}

bool is_shard_of(const Literal& shard, const Shape& shape, const Sharding& sharding, const Mesh& mesh) {
  return shard.shape().is_array() && shard.shape().type() == shape.type() &&
         shard.shape().dims() == shard_sizes(shape.dims(), sharding, mesh);
}

}  // namespace gshard
