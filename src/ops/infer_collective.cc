// Types of the ops that move data between devices.
#include <algorithm>

#include "ops/infer.h"

namespace gshard {
namespace {

std::vector<Shape> array_operands(const Instruction& i) {
  std::vector<Shape> shapes;
  for (size_t k = 0; k < i.operand_count(); ++k) shapes.push_back(array_operand(i, k));
  return shapes;
}

// Whose numbers a replica group holds. With a channel, the groups of reductions and gathers are of replicas, each
// with all its partitions, unless use_global_device_ids says that they are of devices; the other ops' are of
// partitions.
enum class GroupMode { replicas, replicas_and_partitions, partitions, devices };

bool counts_replicas(Op op) {
  switch (op) {
    case Op::all_gather:
    case Op::all_gather_start:
    case Op::all_reduce:
    case Op::all_reduce_start:
    case Op::reduce_scatter:
      return true;
    default:
      return false;
  }
}

GroupMode mode_of(const Instruction& i) {
  const auto& a = i.attrs<CollectiveAttrs>();
  if (!a.channel_id) return GroupMode::replicas;
  if (a.use_global_device_ids) return GroupMode::devices;
  return counts_replicas(i.op()) ? GroupMode::replicas_and_partitions : GroupMode::partitions;
}

// The number of members of each listed group, 0 where none is listed.
int64_t listed_group_size(const Instruction& i) {
  const ReplicaGroups& groups = i.attrs<CollectiveAttrs>().replica_groups;
  if (groups.iota) {
    require(groups.iota->dims.size() == 2, i, "replica_groups has {} dimensions, must have 2: groups and members",
            groups.iota->dims.size());
    return groups.iota->dims[1];
  }
  if (groups.groups.empty()) return 0;
  return static_cast<int64_t>(groups.groups[0].size());
}

void check_listed_groups(const Instruction& i) {
  const auto& a = i.attrs<CollectiveAttrs>();
  require(a.channel_id || !a.use_global_device_ids, i, "use_global_device_ids needs a channel_id");
  const auto& groups = a.replica_groups.groups;
  const bool uneven = i.op() == Op::all_reduce || i.op() == Op::all_reduce_start || i.op() == Op::collective_broadcast;
  std::vector<int64_t> seen;
  for (const std::vector<int64_t>& group : groups) {
    require(!group.empty(), i, "replica_groups has an empty group");
    require(uneven || group.size() == groups[0].size(), i, "replica_groups has groups of {} and of {} members",
            groups[0].size(), group.size());
    seen.insert(seen.end(), group.begin(), group.end());
  }
  std::sort(seen.begin(), seen.end());
  for (size_t k = 0; k < seen.size(); ++k) {
    require(seen[k] >= 0, i, "replica_groups names the device {}", seen[k]);
    require(k == 0 || seen[k] != seen[k - 1], i, "replica_groups names the device {} twice", seen[k]);
    require(i.op() == Op::collective_broadcast || seen[k] == static_cast<int64_t>(k), i,
            "replica_groups leaves out the device {}", k);
  }
}

// The module's counts, where the instruction stands in one.
std::pair<int64_t, int64_t> replicas_and_partitions(const Instruction& i) {
  if (i.parent() == nullptr || i.parent()->parent() == nullptr) return {1, 1};
  const ModuleHeader& header = i.parent()->parent()->header();
  return {header.replica_count, header.num_partitions};
}

Shape resized(const Shape& shape, int64_t along, int64_t size) {
  Dims dims = shape.dims();
  dims[static_cast<size_t>(along)] = size;
  return shape.with_dims(dims);
}

int64_t only_dimension(const Instruction& i) {
  const Dims& dimensions = i.attrs<CollectiveAttrs>().dimensions;
  require(dimensions.size() == 1, i, "dimensions={} must be one dimension", dimensions);
  return dimensions[0];
}

// The declared shape of result `k` of an op that returns one value per operand; null where nothing fits is declared.
const Shape* declared_result(const Shape& declared, size_t k, size_t count) {
  const Shape* shape = count == 1 ? &declared : declared.tuple_size() == count ? &declared.element(k) : nullptr;
  return shape != nullptr && shape->is_array() ? shape : nullptr;
}

// The factor by which `whole` is larger than `part` along a dimension: the group size, or where the module leaves it
// open, what the declaration says.
int64_t shard_count(const Instruction& i, const Shape* declared, const Shape& operand, int64_t along, bool gathers) {
  const int64_t size = group_size(i);
  if (size > 0) return size;
  require(declared != nullptr && declared->rank() == operand.rank(), i,
          "needs replica_groups or a declared result to tell the size of {}", operand);
  const auto d = static_cast<size_t>(along);
  const int64_t whole = gathers ? declared->dim(d) : operand.dim(d);
  const int64_t part = gathers ? operand.dim(d) : declared->dim(d);
  if (part == 0) return 1;
  require(whole % part == 0, i, "dimension {} has size {} in {}, {} in {}: one must be a multiple of the other", along,
          operand.dim(d), operand, declared->dim(d), *declared);
  return whole / part;
}

std::vector<Shape> gathered(const Instruction& i, const Shape& declared) {
  check_listed_groups(i);
  const int64_t along = only_dimension(i);
  std::vector<Shape> shapes = array_operands(i);
  for (size_t k = 0; k < shapes.size(); ++k) {
    Shape& shape = shapes[k];
    require_below(i, along, shape.rank(), "dimensions");
    const int64_t size = shape.dim(static_cast<size_t>(along));
    const int64_t count = shard_count(i, declared_result(declared, k, shapes.size()), shape, along, true);
    shape = resized(shape, along, checked_size(i, WideInt{size} * count, "the gathered dimension"));
  }
  return shapes;
}

// The reducer of a collective works on two scalars; it may be wider than the data (a sum of bf16 in f32).
void check_reducer(const Instruction& i) {
  const Computation& reducer = *i.callees()[0];
  const auto& parameters = reducer.parameters();
  require(!parameters.empty() && parameters[0] != nullptr, i, "to_apply %{} takes no parameters", reducer.name());
  const Shape scalar(parameters[0]->shape().type());
  require_reducer(i, 0, std::span(&scalar, 1), std::span(&scalar, 1));
  const DType type = i.operand(0)->shape().type();
  require(i.operand_count() > 1 || class_of(type) == class_of(scalar.type()), i,
          "to_apply %{} reduces {}, operand 0 is {}", reducer.name(), scalar, i.operand(0)->shape());
}

}  // namespace

int64_t group_size(const Instruction& i) {
  const auto [replicas, partitions] = replicas_and_partitions(i);
  const int64_t listed = listed_group_size(i);
  int64_t size = listed;
  switch (mode_of(i)) {
    case GroupMode::replicas:
      size = listed > 0 ? listed : replicas;
      break;
    case GroupMode::partitions:
      size = listed > 0 ? listed : partitions;
      break;
    case GroupMode::replicas_and_partitions:
      size = saturating_multiply(listed > 0 ? listed : replicas, partitions);
      break;
    case GroupMode::devices:
      size = listed > 0 ? listed : saturating_multiply(replicas, partitions);
      break;
  }
  // A module that says nothing about its devices is not a module for one device.
  return listed == 0 && size == 1 ? 0 : size;
}

Shape infer_all_gather(const Instruction& i) { return one_or_tuple(gathered(i, i.shape())); }

// (operands, results); with one operand neither is a tuple.
Shape infer_all_gather_start(const Instruction& i) {
  const Shape& declared = i.shape();
  const Shape results = one_or_tuple(gathered(i, declared.tuple_size() == 2 ? declared.element(1) : Shape()));
  return Shape::tuple({one_or_tuple(array_operands(i)), results});
}

Shape infer_all_gather_done(const Instruction& i) {
  const Shape& state = i.operand(0)->shape();
  require(state.is_tuple() && state.tuple_size() == 2, i, "operand 0 is {}, must be the tuple of an all-gather-start",
          state);
  return state.element(1);
}

Shape infer_all_reduce(const Instruction& i) {
  check_listed_groups(i);
  check_reducer(i);
  return one_or_tuple(array_operands(i));
}

Shape infer_reduce_scatter(const Instruction& i) {
  check_listed_groups(i);
  check_reducer(i);
  const int64_t along = only_dimension(i);
  std::vector<Shape> shapes = array_operands(i);
  for (size_t k = 0; k < shapes.size(); ++k) {
    Shape& shape = shapes[k];
    require_below(i, along, shape.rank(), "dimensions");
    const int64_t size = shape.dim(static_cast<size_t>(along));
    const int64_t count = shard_count(i, declared_result(i.shape(), k, shapes.size()), shape, along, false);
    require(size % count == 0, i, "dimension {} of {} cannot be divided among {} devices", along, shape, count);
    shape = resized(shape, along, size / count);
  }
  return one_or_tuple(std::move(shapes));
}

// With `dimensions` one array is split along that dimension and the parts exchanged; without, each operand is a part.
Shape infer_all_to_all(const Instruction& i) {
  check_listed_groups(i);
  std::vector<Shape> shapes = array_operands(i);
  const int64_t size = group_size(i);
  if (i.attrs<CollectiveAttrs>().dimensions.empty()) {
    require(size == 0 || size == static_cast<int64_t>(shapes.size()), i, "has {} operands for groups of {} devices",
            shapes.size(), size);
    for (size_t k = 0; k < shapes.size(); ++k) {
      require(shapes[k] == shapes[0], i, "operand 0 is {}, operand {} is {}: they must be equal", shapes[0], k,
              shapes[k]);
    }
    return Shape::tuple(std::move(shapes));
  }
  const int64_t along = only_dimension(i);
  require(shapes.size() == 1, i, "has {} operands, with dimensions it must have 1", shapes.size());
  require_below(i, along, shapes[0].rank(), "dimensions");
  const int64_t length = shapes[0].dim(static_cast<size_t>(along));
  require(size == 0 || length % size == 0, i, "dimension {} of {} cannot be divided among {} devices", along, shapes[0],
          size);
  return shapes[0];
}

// Operands: data, the array to write into, then offsets and sizes in and out.
Shape infer_ragged_all_to_all(const Instruction& i) {
  check_listed_groups(i);
  const Shape& input = array_operand(i, 0);
  const Shape& output = array_operand(i, 1);
  require_equal_types(i, 0, 1);
  require(input.rank() >= 1 && input.rank() == output.rank() &&
              std::equal(input.dims().begin() + 1, input.dims().end(), output.dims().begin() + 1),
          i, "operand 0 is {}, operand 1 is {}: they may differ in dimension 0 only", input, output);
  for (size_t k = 2; k < i.operand_count(); ++k) {
    require_integers(i, k);
    require_equal_dims(i, 2, k);
    const Shape& offsets = i.operand(k)->shape();
    require(offsets.rank() == 1 || offsets.rank() == 2, i, "operand {} is {}, must have rank 1 or 2", k, offsets);
  }
  return output;
}

Shape infer_collective_broadcast(const Instruction& i) {
  check_listed_groups(i);
  return one_or_tuple(array_operands(i));
}

// ---- collective-permute
// -----------------------------------------------------------------------------------------------

namespace {

void check_pairs(const Instruction& i) {
  std::vector<int64_t> sources;
  std::vector<int64_t> targets;
  for (const auto& [source, target] : i.attrs<CollectivePermuteAttrs>().source_target_pairs.list()) {
    require(source >= 0 && target >= 0, i, "source_target_pairs names the pair {{{},{}}}", source, target);
    sources.push_back(source);
    targets.push_back(target);
  }
  const auto check_unique = [&](std::vector<int64_t>& ids, std::string_view what) {
    std::sort(ids.begin(), ids.end());
    const auto twice = std::adjacent_find(ids.begin(), ids.end());
    require(twice == ids.end(), i, "source_target_pairs has the {} {} twice", what, twice == ids.end() ? 0 : *twice);
  };
  check_unique(sources, "source");
  check_unique(targets, "target");
}

// The form that writes slices into an existing array: operands are source, destination and where in each.
bool is_in_place(const Instruction& i) {
  return i.operand_count() == 4 && !i.attrs<CollectivePermuteAttrs>().slice_sizes.text.empty();
}

}  // namespace

Shape infer_collective_permute(const Instruction& i) {
  check_pairs(i);
  if (is_in_place(i)) return i.operand(1)->shape();
  return one_or_tuple(array_operands(i));
}

// (operands, results, contexts...).
Shape infer_collective_permute_start(const Instruction& i) {
  check_pairs(i);
  std::vector<Shape> state(2);
  if (is_in_place(i)) {
    state = {i.operand(0)->shape(), i.operand(1)->shape()};
  } else {
    state[0] = state[1] = one_or_tuple(array_operands(i));
  }
  for (size_t k = 2; k < i.shape().tuple_size(); ++k) {
    const Shape& context = i.shape().element(k);
    require(context == Shape(DType::u32) || context == Shape(DType::s32), i,
            "the context {} of the result is {}, must be u32[]", k - 2, context);
    state.push_back(context);
  }
  return Shape::tuple(std::move(state));
}

Shape infer_collective_permute_done(const Instruction& i) {
  const Shape& state = i.operand(0)->shape();
  require(state.is_tuple() && state.tuple_size() >= 2, i,
          "operand 0 is {}, must be the tuple of a collective-permute-start", state);
  return state.element(1);
}

// partition-id, replica-id.
Shape infer_device_id(const Instruction&) { return Shape(DType::u32); }

}  // namespace gshard
