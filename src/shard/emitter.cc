#include "shard/emitter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "eval/dispatch.h"
#include "eval/elements.h"
#include "ops/reducer.h"

namespace gshard {

namespace {

// Of all numbers of a type of eight bits or fewer, some of which have no infinities, or no negative numbers.
Literal extreme_of_narrow(DType type, Direction direction) {
  const int count = 1 << bits_of(type);
  Literal all{Shape(type, {count})};
  for (int i = 0; i < count; ++i) all.mutable_bytes()[i] = static_cast<std::byte>(i);
  const Literal numbers = convert_elements(all, DType::f64);
  const auto values = numbers.values<double>();
  size_t best = 0;
  for (size_t i = 1; i < values.size(); ++i) {
    const bool is_better = direction == Direction::GT ? values[i] > values[best] : values[i] < values[best];
    if (is_better || std::isnan(values[best])) best = i;
  }
  Literal literal{Shape(type)};
  literal.mutable_bytes()[0] = static_cast<std::byte>(best);
  return literal;
}

// The largest or smallest value of a type; infinite where it has infinities.
Literal extreme(DType type, Direction direction) {
  if (is_floating(type) && bits_of(type) <= 8) return extreme_of_narrow(type, direction);
  if (type == DType::pred) return Literal::scalar(type, static_cast<uint8_t>(direction == Direction::GT ? 1 : 0));
  Literal literal{Shape(type)};
  with_storage(type, [&]<class T>() {
    if constexpr (std::numeric_limits<T>::is_integer) {
      using Limits = std::numeric_limits<T>;
      const int unused = std::max(0, Limits::digits + (Limits::is_signed ? 1 : 0) - bits_of(type));
      const T value = direction == Direction::GT ? Limits::max() : Limits::min();
      literal.mutable_values<T>()[0] = static_cast<T>(value >> unused);
    } else {
      const double infinity = std::numeric_limits<double>::infinity();
      Literal wide = Literal::scalar(DType::f64, direction == Direction::GT ? infinity : -infinity);
      literal = convert_elements(wide, type);
    }
  });
  return literal;
}

Literal neutral_element(Reducer reducer, DType type) {
  switch (reducer) {
    case Reducer::mul:
      return convert_elements(Literal::scalar(DType::s32, int32_t{1}), type);
    case Reducer::max:
      return extreme(type, Direction::LT);
    case Reducer::min:
      return extreme(type, Direction::GT);
    case Reducer::and_:
      return convert_elements(Literal::scalar(DType::s32, int32_t{-1}), type);
    case Reducer::add:
    case Reducer::or_:
    case Reducer::xor_:
      return Literal{Shape(type)};
    case Reducer::none:
      break;
  }
  GSHARD_CHECK(false, "Reducer::none has no neutral element");
}

}  // namespace

// ---- LocalModule ------------------------------------------------------------------------------------------------

namespace {

Mesh with_replicas(const Mesh& mesh, int64_t replicas) {
  if (replicas == 1) return mesh;
  std::vector<MeshAxis> axes = {{"replica", replicas}};
  for (const MeshAxis& axis : mesh.axes()) axes.push_back({"partition " + axis.name, axis.size});
  std::vector<int64_t> order;
  for (int64_t replica = 0; replica < replicas; ++replica) {
    for (const int64_t device : mesh.device_order()) order.push_back(replica * mesh.device_count() + device);
  }
  return Mesh(std::move(axes), std::move(order));
}

}  // namespace

LocalModule::LocalModule(Module& into, const Mesh& mesh)
    : into_(into),
      mesh_(mesh),
      device_order_(mesh.device_order().empty() ? nullptr
                                                : std::make_shared<const std::vector<int64_t>>(mesh.device_order())),
      with_replicas_(with_replicas(mesh, into.header().replica_count)) {}

TileAssignment LocalModule::groups_along(const Digits& digits) const {
  const size_t replica_digits = with_replicas_.digits().size() - mesh_.digits().size();
  Digits shifted;
  for (const Digit digit : digits) shifted.push_back(static_cast<Digit>(digit + replica_digits));
  return device_groups(shifted, with_replicas_);
}

Computation* LocalModule::copied(const Computation& computation) {
  if (const auto found = copied_.find(&computation); found != copied_.end()) return found->second;
  Computation* target = into_.add_computation(computation.name());
  std::vector<Instruction*> parameters;
  for (const Instruction* parameter : computation.parameters()) {
    parameters.push_back(
        target->add(Op::parameter, parameter->shape(), {}, parameter->attributes(), parameter->name()));
  }
  Instruction* root = clone_body(computation, parameters, *target);
  for (const auto& instruction : target->instructions()) {
    for (Computation*& callee : instruction->mutable_callees()) {
      if (callee->parent() == computation.parent()) callee = copied(*callee);
    }
  }
  target->set_root(root);
  copied_[&computation] = target;
  return target;
}

Computation* LocalModule::reducer_computation(Reducer reducer, DType type) {
  Computation*& computation = reducers_[{reducer, type}];
  if (computation != nullptr) return computation;
  computation = into_.add_computation(std::string(keyword_of(op_of(reducer))) + "." + std::string(name_of(type)));
  const Shape scalar(type);
  Instruction* a = computation->add(Op::parameter, scalar, {}, ParameterAttrs{0}, "a");
  Instruction* b = computation->add(Op::parameter, scalar, {}, ParameterAttrs{1}, "b");
  Instruction* const operands[] = {a, b};
  computation->set_root(computation->add(op_of(reducer), scalar, operands));
  return computation;
}

namespace {

// An iota, or lists where the mesh has an order of its own.
ReplicaGroups replica_groups(const TileAssignment& tiles) {
  if (tiles.devices.empty()) return {{}, tiles};
  ReplicaGroups listed;
  for (auto at = tiles.devices.begin(); at != tiles.devices.end(); at += tiles.dims[1])
    listed.groups.emplace_back(at, at + tiles.dims[1]);
  return listed;
}

}  // namespace

// ---- Emitter ----------------------------------------------------------------------------------------------------

Instruction* Emitter::neutral(Reducer reducer, DType type) {
  return add(Op::constant, Shape(type), {}, ConstantAttrs{neutral_element(reducer, type)});
}

bool Emitter::is_neutral(const Instruction& scalar, Reducer reducer) {
  return scalar.op() == Op::constant &&
         scalar.attrs<ConstantAttrs>().value == neutral_element(reducer, scalar.shape().type());
}

void Emitter::set_source(const Instruction& source, size_t first) {
  for (size_t n = first; n < into_.size(); ++n) {
    Instruction& emitted = *into_.at(n);
    emitted.mutable_notes().metadata = source.notes().metadata;
    emitted.set_text_position(source.text_line(), source.text_column());
  }
}

Instruction* Emitter::add(Op op, Shape shape, std::initializer_list<Instruction*> operands, Attributes attributes) {
  return into_.add(op, std::move(shape), {operands.begin(), operands.size()}, std::move(attributes));
}

Instruction* Emitter::scalar(DType type, int64_t value) {
  Instruction*& scalar = scalars_[{type, value}];
  if (scalar != nullptr) return scalar;
  Literal literal = convert_elements(Literal::scalar(DType::s64, value), type);
  return scalar = add(Op::constant, Shape(type), {}, ConstantAttrs{std::move(literal)});
}

Instruction* Emitter::broadcast_scalar(Instruction* scalar, const Shape& shape) {
  if (shape.rank() == 0) return scalar;
  return add(Op::broadcast, shape.without_layout(), {scalar}, DimensionsAttrs{});
}

// Where this device stands in the mesh: its number, or what a table says where the devices have an order of their own.
Instruction* Emitter::emit_position() {
  Instruction* id = add(Op::convert, Shape(DType::s32), {add(Op::partition_id, Shape(DType::u32), {})});
  const std::vector<int64_t>& order = mesh_.device_order();
  if (order.empty()) return id;
  std::vector<std::optional<int64_t>> positions(order.size());
  for (size_t position = 0; position < order.size(); ++position) {
    positions[static_cast<size_t>(order[position])] = static_cast<int64_t>(position);
  }
  return entry_of(positions, id);
}

Instruction* Emitter::index_along(const Digits& digits) {
  Instruction*& index = indices_[digits];
  if (index == nullptr) index = emit_index(digits);
  return index;
}

// Index = sum over runs of neighbouring digits of ((partition / stride) % size) * weight.
Instruction* Emitter::emit_index(const Digits& digits) {
  if (position_ == nullptr) position_ = emit_position();
  const Shape scalar(DType::s32);
  Instruction* sum = nullptr;
  int64_t weight = 1;
  for (size_t last = digits.size(); last > 0;) {
    size_t first = last - 1;
    while (first > 0 && digits[first - 1] + 1 == digits[first]) --first;
    const int64_t stride = mesh_.digits()[digits[last - 1]].stride;
    int64_t size = 1;
    for (size_t i = first; i < last; ++i) size *= mesh_.digits()[digits[i]].size;
    Instruction* term = position_;
    if (stride > 1) term = add(Op::divide, scalar, {term, scalar_s32(stride)});
    if (stride * size < mesh_.device_count()) term = add(Op::remainder, scalar, {term, scalar_s32(size)});
    if (weight > 1) term = add(Op::multiply, scalar, {term, scalar_s32(weight)});
    sum = sum == nullptr ? term : add(Op::add, scalar, {sum, term});
    weight *= size;
    last = first;
  }
  return sum == nullptr ? scalar_s32(0) : sum;
}

DType Emitter::place_type(int64_t size) {
  return size <= std::numeric_limits<int32_t>::max() ? DType::s32 : DType::s64;
}

Instruction* Emitter::start_along(const Digits& digits, int64_t size, DType type) {
  Instruction* index = index_along(digits);
  if (size == 1 && type == DType::s32) return index;
  Instruction*& start = starts_[{index, size, type}];
  if (start != nullptr) return start;
  if (type != DType::s32) index = add(Op::convert, Shape(type), {index});
  return start = add(Op::multiply, Shape(type), {index, scalar(type, size)});
}

void Emitter::add_leaves(Instruction* value, std::vector<Instruction*>& leaves) {
  if (!value->shape().is_tuple()) leaves.push_back(value);
  for (size_t e = 0; e < value->shape().tuple_size(); ++e) {
    const TupleIndexAttrs index{static_cast<int64_t>(e)};
    add_leaves(add(Op::get_tuple_element, value->shape().element(e), {value}, index), leaves);
  }
}

std::vector<Instruction*> Emitter::leaves_of(Instruction* value) {
  std::vector<Instruction*> leaves;
  add_leaves(value, leaves);
  return leaves;
}

Instruction* Emitter::pack(const Shape& shape, const std::vector<Instruction*>& leaves) {
  size_t next = 0;
  return pack(shape, leaves, next);
}

Instruction* Emitter::pack(const Shape& shape, const std::vector<Instruction*>& leaves, size_t& next) {
  if (!shape.is_tuple()) return leaves[next++];
  std::vector<Instruction*> elements;
  std::vector<Shape> shapes;
  for (const Shape& element : shape.elements()) {
    elements.push_back(pack(element, leaves, next));
    shapes.push_back(elements.back()->shape());
  }
  return into_.add(Op::tuple, Shape::tuple(std::move(shapes)), elements);
}

namespace {

// The line through the values that there are; none where they lie on no line.
struct Line {
  int64_t start = 0;
  int64_t step = 0;
};
std::optional<Line> line_through(std::span<const std::optional<int64_t>> values) {
  const auto known = [](const std::optional<int64_t>& value) { return value.has_value(); };
  const auto first = std::find_if(values.begin(), values.end(), known);
  if (first == values.end()) return Line{};
  const auto second = std::find_if(first + 1, values.end(), known);
  if (second == values.end()) return Line{**first, 0};
  if ((**second - **first) % (second - first) != 0) return std::nullopt;
  const int64_t step = (**second - **first) / (second - first);
  const Line line{**first - (first - values.begin()) * step, step};
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] && *values[i] != line.start + static_cast<int64_t>(i) * step) return std::nullopt;
  }
  return line;
}

}  // namespace

Instruction* Emitter::tabulated(const Digits& digits, std::span<const std::optional<int64_t>> values) {
  const auto line = line_through(values);
  if (!line) return entry_of(values, index_along(digits));
  if (line->step == 0) return scalar_s32(line->start);
  const Shape scalar(DType::s32);
  Instruction* value = line->step == 1 ? index_along(digits) : start_along(digits, line->step);
  return line->start == 0 ? value : add(Op::add, scalar, {value, scalar_s32(line->start)});
}

Instruction* Emitter::entry_of(std::span<const std::optional<int64_t>> values, Instruction* index) {
  Literal numbers{Shape(DType::s32, {static_cast<int64_t>(values.size())})};
  const auto entries = numbers.mutable_values<int32_t>();
  for (size_t i = 0; i < values.size(); ++i) entries[i] = static_cast<int32_t>(values[i].value_or(0));
  const Shape shape = numbers.shape();
  Instruction* table = add(Op::constant, shape, {}, ConstantAttrs{std::move(numbers)});
  return add(Op::reshape, Shape(DType::s32), {slice_at(table, 0, index, 1)});
}

Instruction* Emitter::resize(Instruction* value, size_t dim, int64_t size) {
  const int64_t now = value->shape().dim(dim);
  return size < now ? slice(value, dim, 0, size) : pad(value, dim, {0, size - now, 0}, nullptr);
}

Instruction* Emitter::pad(Instruction* value, size_t dim, const PaddingDim& padding, Instruction* fill) {
  if (padding == PaddingDim{}) return value;
  const Shape& shape = value->shape();
  PadAttrs attrs;
  attrs.padding.dims.resize(shape.rank());
  attrs.padding.dims[dim] = padding;
  Dims dims = shape.dims();
  dims[dim] += padding.low + padding.high + std::max<int64_t>(dims[dim] - 1, 0) * padding.interior;
  if (fill == nullptr) fill = add(Op::constant, Shape(shape.type()), {}, ConstantAttrs{Literal(Shape(shape.type()))});
  return add(Op::pad, shape.with_dims(dims), {value, fill}, attrs);
}

Instruction* Emitter::concatenate(const std::vector<Instruction*>& values, size_t dim) {
  if (values.size() == 1) return values[0];
  Dims dims = values[0]->shape().dims();
  dims[dim] = 0;
  for (const Instruction* value : values) dims[dim] += value->shape().dim(dim);
  return into_.add(Op::concatenate, values[0]->shape().with_dims(dims), values,
                   DimensionsAttrs{{static_cast<int64_t>(dim)}});
}

Instruction* Emitter::slice(Instruction* value, size_t dim, int64_t start, int64_t size) {
  const Shape& shape = value->shape();
  if (shape.dim(dim) == size) return value;
  SliceAttrs attrs;
  attrs.slice = {Dims(shape.rank(), 0), shape.dims(), Dims(shape.rank(), 1)};
  attrs.slice.starts[dim] = start;
  attrs.slice.limits[dim] = start + size;
  Dims dims = shape.dims();
  dims[dim] = size;
  return add(Op::slice, shape.with_dims(dims), {value}, attrs);
}

Instruction* Emitter::slice_at(Instruction* value, size_t dim, Instruction* start, int64_t size) {
  Dims dims = value->shape().dims();
  dims[dim] = size;
  Instruction* zero = value->shape().rank() > 1 ? scalar(start->shape().type(), 0) : nullptr;
  std::vector<Instruction*> operands = {value};
  for (size_t d = 0; d < dims.size(); ++d) operands.push_back(d == dim ? start : zero);
  return into_.add(Op::dynamic_slice, value->shape().with_dims(dims), operands, DynamicSliceAttrs{dims});
}

Instruction* Emitter::slice_at(Instruction* value, size_t dim, const Digits& digits,
                               std::span<const std::optional<int64_t>> starts, int64_t size) {
  if (value->shape().dim(dim) == size) return value;
  const auto line = line_through(starts);
  if (line && line->step == 0) return slice(value, dim, line->start, size);
  return slice_at(value, dim, tabulated(digits, starts), size);
}

Instruction* Emitter::update_at(Instruction* value, Instruction* part, size_t dim, Instruction* start) {
  Instruction* zero = value->shape().rank() > 1 ? scalar(start->shape().type(), 0) : nullptr;
  std::vector<Instruction*> operands = {value, part};
  for (size_t d = 0; d < value->shape().rank(); ++d) operands.push_back(d == dim ? start : zero);
  return into_.add(Op::dynamic_update_slice, value->shape().without_layout(), operands);
}

Instruction* Emitter::flags_within(const Dims& dims, size_t dim, Instruction* start, const Bounds& bounds) {
  const DType type = start->shape().type();
  const Shape numbers(type, dims);
  const Shape flags(DType::pred, dims);
  Instruction* position = add(Op::iota, numbers, {}, IotaAttrs{static_cast<int64_t>(dim)});
  position = add(Op::add, numbers, {position, broadcast_scalar(start, numbers)});
  const auto compared = [&](int64_t with, Direction direction) {
    return add(Op::compare, flags, {position, broadcast_scalar(scalar(type, with), numbers)},
               CompareAttrs{direction, ComparisonType::automatic});
  };
  if (!bounds.end) return compared(bounds.first.value_or(0), Direction::GE);
  Instruction* before_end = compared(*bounds.end, Direction::LT);
  if (!bounds.first) return before_end;
  return add(Op::and_, flags, {compared(*bounds.first, Direction::GE), before_end});
}

Instruction* Emitter::keep_within(Instruction* value, size_t dim, Instruction* start, const Bounds& bounds,
                                  Instruction* fill) {
  const Shape& shape = value->shape();
  Instruction* flags = flags_within(shape.dims(), dim, start, bounds);
  return add(Op::select, shape.without_layout(), {flags, value, broadcast_scalar(fill, shape)});
}

Instruction* Emitter::mask(Instruction* value, size_t dim, const Digits& digits, int64_t size, Instruction* fill) {
  const int64_t part = value->shape().dim(dim);
  const int64_t padded = part * mesh_.size_of(digits);
  if (padded == size) return value;
  return keep_within(value, dim, start_along(digits, part, place_type(padded)), {std::nullopt, size}, fill);
}

CollectiveAttrs Emitter::collective_attributes(const Digits& digits) {
  CollectiveAttrs attrs;
  attrs.channel_id = program_.next_channel();
  attrs.replica_groups = replica_groups(program_.groups_along(digits));
  attrs.use_global_device_ids = true;
  return attrs;
}

Instruction* Emitter::all_reduce(Instruction* value, Reducer reducer, const Digits& digits) {
  CollectiveAttrs attrs = collective_attributes(digits);
  Instruction* sum = add(Op::all_reduce, value->shape().without_layout(), {value}, std::move(attrs));
  sum->mutable_callees().push_back(program_.reducer_computation(reducer, value->shape().type()));
  return sum;
}

Instruction* Emitter::all_gather(Instruction* value, size_t dim, const Digits& digits) {
  CollectiveAttrs attrs = collective_attributes(digits);
  attrs.dimensions = {static_cast<int64_t>(dim)};
  Dims dims = value->shape().dims();
  dims[dim] *= mesh_.size_of(digits);
  return add(Op::all_gather, value->shape().with_dims(dims), {value}, std::move(attrs));
}

Instruction* Emitter::reduce_scatter(Instruction* value, size_t dim, Reducer reducer, const Digits& digits) {
  CollectiveAttrs attrs = collective_attributes(digits);
  attrs.dimensions = {static_cast<int64_t>(dim)};
  Dims dims = value->shape().dims();
  dims[dim] /= mesh_.size_of(digits);
  Instruction* part = add(Op::reduce_scatter, value->shape().with_dims(dims), {value}, std::move(attrs));
  part->mutable_callees().push_back(program_.reducer_computation(reducer, value->shape().type()));
  return part;
}

// [.., F, .., T, ..] -> [.., F, .., k, T/k, ..]; exchanged along k, which then numbers the senders; k goes before F.
Instruction* Emitter::all_to_all(Instruction* value, size_t from, size_t to, const Digits& digits) {
  const int64_t k = mesh_.size_of(digits);
  Dims split = value->shape().dims();
  split[to] /= k;
  split.insert(split.begin() + to, k);
  const Shape split_shape = value->shape().with_dims(split);
  Instruction* blocks = add(Op::reshape, split_shape, {value});
  CollectiveAttrs attrs = collective_attributes(digits);
  // It numbers partitions wherever it has a channel.
  attrs.use_global_device_ids = false;
  attrs.replica_groups = replica_groups(device_groups(digits, mesh_));
  attrs.dimensions = {static_cast<int64_t>(to)};
  Instruction* exchanged = add(Op::all_to_all, split_shape, {blocks}, std::move(attrs));

  const size_t from_in_split = from < to ? from : from + 1;
  Dims permutation;
  Dims moved;
  for (size_t d = 0; d < split.size(); ++d) {
    if (d == from_in_split) permutation.push_back(static_cast<int64_t>(to)), moved.push_back(k);
    if (d != to) permutation.push_back(static_cast<int64_t>(d)), moved.push_back(split[d]);
  }
  Instruction* transposed =
      add(Op::transpose, value->shape().with_dims(moved), {exchanged}, DimensionsAttrs{permutation});
  Dims joined = value->shape().dims();
  joined[from] *= k;
  joined[to] /= k;
  return add(Op::reshape, value->shape().with_dims(joined), {transposed});
}

std::vector<int64_t> weighted_places(const Digits& digits, const Mesh& mesh,
                                     const std::function<int64_t(Digit)>& weight_of) {
  std::vector<int64_t> sums = {0};
  sums.reserve(static_cast<size_t>(mesh.size_of(digits)));
  for (size_t k = digits.size(); k-- > 0;) {
    const int64_t weight = weight_of(digits[k]);
    const size_t count = sums.size();
    for (int64_t place = 1; place < mesh.digits()[digits[k]].size; ++place) {
      for (size_t i = 0; i < count; ++i) sums.push_back(sums[i] + place * weight);
    }
  }
  return sums;
}

Instruction* Emitter::collective_permute(Instruction* value, const Digits& digits,
                                         std::span<const std::pair<int64_t, int64_t>> pairs) {
  const auto stride_of = [&](Digit digit) { return mesh_.digits()[digit].stride; };
  const std::vector<int64_t> offsets = weighted_places(digits, mesh_, stride_of);
  std::vector<SourceTargetPairs::Pair> moves;
  moves.reserve(pairs.size());
  for (const auto& [from, to] : pairs) {
    moves.emplace_back(offsets[static_cast<size_t>(from)], offsets[static_cast<size_t>(to)]);
  }
  return permute(value, std::move(moves), repeats_along_others(digits));
}

Instruction* Emitter::change_places(Instruction* value, const Digits& digits, const Digits& to_digits) {
  std::vector<SourceTargetPairs::Repeat> repeats = repeats_along_others(digits);
  for (size_t k = 0; k < digits.size(); ++k) {
    const Mesh::DigitRow& from = mesh_.digits()[digits[k]];
    repeats.push_back({from.size, from.stride, mesh_.digits()[to_digits[k]].stride});
  }
  return permute(value, {{0, 0}}, std::move(repeats));
}

std::vector<SourceTargetPairs::Repeat> Emitter::repeats_along_others(const Digits& digits) const {
  const DigitSet moved = set_of(digits);
  std::vector<SourceTargetPairs::Repeat> repeats;
  for (size_t digit = 0; digit < mesh_.digits().size(); ++digit) {
    const Mesh::DigitRow& row = mesh_.digits()[digit];
    if ((moved >> digit & 1) == 0) repeats.push_back({row.size, row.stride, row.stride});
  }
  return repeats;
}

Instruction* Emitter::permute(Instruction* value, std::vector<SourceTargetPairs::Pair> moves,
                              std::vector<SourceTargetPairs::Repeat> repeats) {
  CollectivePermuteAttrs attrs;
  attrs.channel_id = program_.next_channel();
  attrs.source_target_pairs = {std::move(moves), std::move(repeats), program_.device_order()};
  return add(Op::collective_permute, value->shape().without_layout(), {value}, std::move(attrs));
}

Instruction* Emitter::local_slice(Instruction* value, size_t dim, const Digits& digits) {
  const int64_t whole = value->shape().dim(dim);
  const int64_t size = whole / mesh_.size_of(digits);
  return slice_at(value, dim, start_along(digits, size, place_type(whole)), size);
}

Instruction* Emitter::move_between(Instruction* value, const Mesh& from, const Mesh& to) {
  const auto device_at = [](const Mesh& mesh, int64_t position) {
    return mesh.device_order().empty() ? position : mesh.device_order()[static_cast<size_t>(position)];
  };
  CollectivePermuteAttrs attrs;
  attrs.channel_id = program_.next_channel();
  std::vector<SourceTargetPairs::Pair> pairs;
  for (int64_t position = 0; position < mesh_.device_count(); ++position) {
    pairs.emplace_back(device_at(from, position), device_at(to, position));
  }
  attrs.source_target_pairs = std::move(pairs);
  return add(Op::collective_permute, value->shape().without_layout(), {value}, std::move(attrs));
}

Instruction* Emitter::broadcast_from(Instruction* value, int64_t device) {
  CollectiveAttrs attrs;
  attrs.channel_id = program_.next_channel();
  std::vector<int64_t> group = {device};
  for (int64_t other = 0; other < mesh_.device_count(); ++other) {
    if (other != device) group.push_back(other);
  }
  attrs.replica_groups.groups = {group};
  return add(Op::collective_broadcast, value->shape().without_layout(), {value}, std::move(attrs));
}

}  // namespace gshard
