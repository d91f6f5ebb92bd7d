#include "eval/collectives.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "eval/reduce.h"
#include "ops/reducer.h"

namespace gshard {
namespace {

using Operands = std::vector<Literal>;

// An array seen as outer x (dimension) x inner, in bytes.
struct Blocks {
  size_t outer = 1;
  size_t row = 0;  // bytes of one index of the dimension
};

Blocks blocks_of(const Shape& shape, size_t dim) {
  Blocks blocks;
  for (size_t d = 0; d < dim; ++d) blocks.outer *= static_cast<size_t>(shape.dim(d));
  blocks.row = static_cast<size_t>(bytes_of(shape.type()));
  for (size_t d = dim + 1; d < shape.rank(); ++d) blocks.row *= static_cast<size_t>(shape.dim(d));
  return blocks;
}

Shape with_dim(const Shape& shape, size_t dim, int64_t size) {
  Dims dims = shape.dims();
  dims[dim] = size;
  return shape.with_dims(std::move(dims));
}

// Elements [start, start + size) of a dimension.
Literal part_of(const Literal& whole, size_t dim, int64_t start, int64_t size) {
  Literal part{with_dim(whole.shape(), dim, size)};
  const Blocks blocks = blocks_of(whole.shape(), dim);
  const size_t from_stride = blocks.row * static_cast<size_t>(whole.shape().dim(dim));
  const size_t bytes = blocks.row * static_cast<size_t>(size);
  std::byte* to = part.mutable_bytes();
  for (size_t o = 0; o < blocks.outer; ++o) {
    std::memcpy(to + o * bytes, whole.bytes() + o * from_stride + blocks.row * static_cast<size_t>(start), bytes);
  }
  return part;
}

Literal joined(std::span<const Literal> parts, size_t dim) {
  int64_t total = 0;
  for (const Literal& part : parts) total += part.shape().dim(dim);
  Literal whole{with_dim(parts[0].shape(), dim, total)};
  const Blocks blocks = blocks_of(whole.shape(), dim);
  std::byte* to = whole.mutable_bytes();
  for (size_t o = 0; o < blocks.outer; ++o) {
    for (const Literal& part : parts) {
      const size_t bytes = blocks.row * static_cast<size_t>(part.shape().dim(dim));
      std::memcpy(to, part.bytes() + o * bytes, bytes);
      to += bytes;
    }
  }
  return whole;
}

// A result of one array per operand; a single operand's is not wrapped.
Literal wrapped(Operands results) {
  return results.size() == 1 ? std::move(results[0]) : Literal::tuple(std::move(results));
}

// The n-th operands of all members under a reducer that is none of the usual ones.
Literal reduced_by(const Computation& reducer, std::span<const Literal* const> arrays, Evaluator& evaluator) {
  const Shape& shape = arrays[0]->shape();
  const Shape flat(shape.type(), {shape.element_count()});
  Literal sum = arrays[0]->reshaped(flat);
  for (const Literal* array : arrays.subspan(1)) {
    sum = evaluator.call_lifted(reducer, {std::move(sum), array->reshaped(flat)}, shape.element_count())[0];
  }
  return sum.reshaped(shape);
}

// The operands of all members combined element by element, in the order of the members.
Operands reduced(const Instruction& instruction, std::span<const Operands> operands, Evaluator& evaluator) {
  const Computation& reducer = *instruction.callees()[0];
  Operands sums;
  for (size_t n = 0; n < operands[0].size(); ++n) {
    std::vector<const Literal*> arrays;
    for (const Operands& member : operands) arrays.push_back(&member[n]);
    const bool is_usual = has_meaning(reducer_of(reducer), arrays[0]->shape().type());
    sums.push_back(is_usual ? combined(reducer_of(reducer), arrays) : reduced_by(reducer, arrays, evaluator));
  }
  return sums;
}

std::vector<Literal> reduce_scatter(const Instruction& instruction, std::span<const Operands> operands,
                                    Evaluator& evaluator) {
  const auto dim = static_cast<size_t>(instruction.attrs<CollectiveAttrs>().dimensions[0]);
  const Operands sums = reduced(instruction, operands, evaluator);
  std::vector<Literal> results;
  for (size_t m = 0; m < operands.size(); ++m) {
    Operands parts;
    for (const Literal& sum : sums) {
      const int64_t size = sum.shape().dim(dim) / static_cast<int64_t>(operands.size());
      parts.push_back(part_of(sum, dim, static_cast<int64_t>(m) * size, size));
    }
    results.push_back(wrapped(std::move(parts)));
  }
  return results;
}

std::vector<Literal> all_gather(const Instruction& instruction, std::span<const Operands> operands) {
  const auto dim = static_cast<size_t>(instruction.attrs<CollectiveAttrs>().dimensions[0]);
  Operands wholes;
  for (size_t n = 0; n < operands[0].size(); ++n) {
    Operands parts;
    for (const Operands& member : operands) parts.push_back(member[n]);
    wholes.push_back(joined(parts, dim));
  }
  return std::vector<Literal>(operands.size(), wrapped(std::move(wholes)));
}

// With `dimensions` one array is cut and the parts are joined again along the same dimension; without, operand i of
// every member goes to member i, which gets them as a tuple.
std::vector<Literal> all_to_all(const Instruction& instruction, std::span<const Operands> operands) {
  const Dims& dimensions = instruction.attrs<CollectiveAttrs>().dimensions;
  std::vector<Literal> results;
  for (size_t m = 0; m < operands.size(); ++m) {
    Operands received;
    for (const Operands& sender : operands) {
      if (dimensions.empty()) {
        received.push_back(sender[m]);
        continue;
      }
      const auto dim = static_cast<size_t>(dimensions[0]);
      const int64_t size = sender[0].shape().dim(dim) / static_cast<int64_t>(operands.size());
      received.push_back(part_of(sender[0], dim, static_cast<int64_t>(m) * size, size));
    }
    results.push_back(dimensions.empty() ? Literal::tuple(std::move(received))
                                         : joined(received, static_cast<size_t>(dimensions[0])));
  }
  return results;
}

// A device that no pair names as a target gets zeros.
std::vector<Literal> permute(const Instruction& instruction, const DeviceGrid& grid, std::span<const int64_t> members,
                             std::span<const Operands> operands) {
  const auto& attrs = instruction.attrs<CollectivePermuteAttrs>();
  // Pairs name partitions where there is a channel, else replicas; the group holds one of them each.
  const auto position = [&](int64_t id) {
    for (size_t m = 0; m < members.size(); ++m) {
      if ((attrs.channel_id ? members[m] % grid.partitions : members[m] / grid.partitions) == id) return m;
    }
    return members.size();
  };
  expect_pairs_within(instruction, grid);
  std::vector<Literal> results(members.size());
  std::vector<bool> sent(members.size(), false);
  for (const auto& [source, target] : attrs.source_target_pairs.list()) {
    const size_t to = position(target);
    const size_t from = position(source);
    if (to == members.size() || from == members.size()) continue;
    results[to] = wrapped(operands[from]);
    sent[to] = true;
  }
  for (size_t m = 0; m < members.size(); ++m) {
    if (sent[m]) continue;
    Operands zeros;
    for (const Literal& operand : operands[m]) zeros.emplace_back(operand.shape());
    results[m] = wrapped(std::move(zeros));
  }
  return results;
}

// The groups that the text lists, or one of all `count` ids.
std::vector<std::vector<int64_t>> listed_groups(const ReplicaGroups& groups, int64_t count) {
  if (groups.iota) {
    const TileAssignment& tiles = *groups.iota;
    const Dims strides = row_major_strides(tiles.reshape_dims);
    std::vector<std::vector<int64_t>> list(static_cast<size_t>(tiles.dims[0]));
    for (size_t i = 0; i < tiles.devices.size(); ++i)
      list[i / static_cast<size_t>(tiles.dims[1])].push_back(tiles.devices[i]);
    if (!tiles.devices.empty()) return list;
    for (int64_t i = 0; i < tiles.dims[0] * tiles.dims[1]; ++i) {
      int64_t rest = i;
      int64_t device = 0;
      for (size_t d = tiles.reshape_dims.size(); d-- > 0;) {
        const auto from = tiles.transpose_perm.empty() ? d : static_cast<size_t>(tiles.transpose_perm[d]);
        device += rest % tiles.reshape_dims[from] * strides[from];
        rest /= tiles.reshape_dims[from];
      }
      list[static_cast<size_t>(i / tiles.dims[1])].push_back(device);
    }
    return list;
  }
  if (!groups.groups.empty()) return groups.groups;
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), int64_t{0});
  return {all};
}

void check_ids(const Instruction& instruction, const std::vector<std::vector<int64_t>>& groups, int64_t count) {
  for (const auto& group : groups) {
    for (const int64_t id : group) {
      if (id >= 0 && id < count) continue;
      throw evaluation_error(instruction,
                             "its groups name device " + std::to_string(id) + " of " + std::to_string(count));
    }
  }
}

}  // namespace

DeviceGrid grid_of(const Module& module) { return {module.header().replica_count, module.header().num_partitions}; }

bool moves_between_devices(Op op) {
  switch (op) {
    case Op::all_gather:
    case Op::all_gather_start:
    case Op::all_reduce:
    case Op::all_reduce_start:
    case Op::all_to_all:
    case Op::collective_broadcast:
    case Op::collective_permute:
    case Op::collective_permute_start:
    case Op::reduce_scatter:
      return true;
    default:
      return false;
  }
}

void expect_pairs_within(const Instruction& permute, const DeviceGrid& grid) {
  const auto& attrs = permute.attrs<CollectivePermuteAttrs>();
  const int64_t ids = attrs.channel_id ? grid.partitions : grid.replicas;
  for (const auto& [source, target] : attrs.source_target_pairs.list()) {
    for (const int64_t id : {source, target}) {
      if (id >= 0 && id < ids) continue;
      throw evaluation_error(permute, "its pairs name device " + std::to_string(id) + " of " + std::to_string(ids));
    }
  }
}

std::vector<std::vector<int64_t>> groups_of(const Instruction& instruction, const DeviceGrid& grid) {
  const auto* collective = std::get_if<CollectiveAttrs>(&instruction.attributes());
  const auto* permute = std::get_if<CollectivePermuteAttrs>(&instruction.attributes());
  const bool over_partitions =
      collective != nullptr ? collective->channel_id.has_value() : permute->channel_id.has_value();
  const bool flattened = collective != nullptr && collective->use_global_device_ids;
  const ReplicaGroups none;
  const ReplicaGroups& listed = collective != nullptr ? collective->replica_groups : none;
  // An all-reduce or all-gather with a channel but without global ids lists replicas and runs over all their
  // partitions.
  const bool reduces = instruction.op() == Op::all_reduce || instruction.op() == Op::all_gather ||
                       instruction.op() == Op::reduce_scatter || instruction.op() == Op::all_reduce_start ||
                       instruction.op() == Op::all_gather_start;
  std::vector<std::vector<int64_t>> groups;
  if (flattened) {
    groups = listed_groups(listed, grid.count());
    check_ids(instruction, groups, grid.count());
  } else if (over_partitions && !reduces) {
    const auto ids = listed_groups(listed, grid.partitions);
    check_ids(instruction, ids, grid.partitions);
    for (int64_t replica = 0; replica < grid.replicas; ++replica) {
      for (const auto& group : ids) {
        groups.emplace_back();
        for (const int64_t partition : group) groups.back().push_back(replica * grid.partitions + partition);
      }
    }
  } else {
    const auto ids = listed_groups(listed, grid.replicas);
    check_ids(instruction, ids, grid.replicas);
    for (const auto& group : ids) {
      if (over_partitions) groups.emplace_back();
      for (int64_t partition = 0; partition < grid.partitions; ++partition) {
        if (!over_partitions) groups.emplace_back();
        for (const int64_t replica : group) groups.back().push_back(replica * grid.partitions + partition);
      }
    }
  }
  return groups;
}

std::vector<Literal> collect(const Instruction& instruction, const DeviceGrid& grid, std::span<const int64_t> members,
                             std::span<const std::vector<Literal>> operands, Evaluator& evaluator) {
  switch (instruction.op()) {
    case Op::all_reduce:
    case Op::all_reduce_start:
      return std::vector<Literal>(members.size(), wrapped(reduced(instruction, operands, evaluator)));
    case Op::reduce_scatter:
      return reduce_scatter(instruction, operands, evaluator);
    case Op::all_gather:
    case Op::all_gather_start:
      return all_gather(instruction, operands);
    case Op::all_to_all:
      return all_to_all(instruction, operands);
    case Op::collective_broadcast:
      return std::vector<Literal>(members.size(), wrapped(operands[0]));
    case Op::collective_permute:
    case Op::collective_permute_start:
      return permute(instruction, grid, members, operands);
    default:
      GSHARD_CHECK(false, instruction.name());
  }
}

}  // namespace gshard
