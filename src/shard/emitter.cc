#include "shard/emitter.h"

#include <algorithm>
#include <limits>

#include "eval/dispatch.h"
#include "eval/elements.h"
#include "ops/reducer.h"

namespace gshard {

namespace {

// The largest or smallest value of a type; infinite where it has infinities.
Literal extreme(DType type, Direction direction) {
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
  const auto count = static_cast<int64_t>(order.size());
  Literal positions{Shape(DType::s32, {count})};
  for (size_t position = 0; position < order.size(); ++position) {
    positions.mutable_values<int32_t>()[static_cast<size_t>(order[position])] = static_cast<int32_t>(position);
  }
  Instruction* table = add(Op::constant, Shape(DType::s32, {count}), {}, ConstantAttrs{std::move(positions)});
  Instruction* entry = add(Op::dynamic_slice, Shape(DType::s32, {1}), {table, id}, DynamicSliceAttrs{{1}});
  return add(Op::reshape, Shape(DType::s32), {entry});
}

Instruction* Emitter::index_along(const Digits& digits) {
  Instruction*& index = indices_[std::vector<Digit>(digits.begin(), digits.end())];
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

Instruction* Emitter::start_along(const Digits& digits, int64_t size) {
  if (size == 1) return index_along(digits);
  Instruction*& start = starts_[{index_along(digits), size}];
  if (start == nullptr) start = add(Op::multiply, Shape(DType::s32), {index_along(digits), scalar_s32(size)});
  return start;
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

Instruction* Emitter::resize(Instruction* value, size_t dim, int64_t size) {
  const Shape& shape = value->shape();
  if (shape.dim(dim) == size) return value;
  Dims dims = shape.dims();
  dims[dim] = size;
  if (size < shape.dim(dim)) {
    SliceAttrs attrs;
    attrs.slice = {Dims(shape.rank(), 0), dims, Dims(shape.rank(), 1)};
    return add(Op::slice, shape.with_dims(dims), {value}, attrs);
  }
  PadAttrs attrs;
  attrs.padding.dims.resize(shape.rank());
  attrs.padding.dims[dim].high = size - shape.dim(dim);
  Instruction* zero = add(Op::constant, Shape(shape.type()), {}, ConstantAttrs{Literal(Shape(shape.type()))});
  return add(Op::pad, shape.with_dims(dims), {value, zero}, attrs);
}

Instruction* Emitter::mask(Instruction* value, size_t dim, const Digits& digits, int64_t size, Instruction* fill) {
  const Shape& shape = value->shape();
  if (shape.dim(dim) * mesh_.size_of(digits) == size) return value;
  const Shape numbers(DType::s32, shape.dims());
  const Shape flags(DType::pred, shape.dims());
  Instruction* position = add(Op::iota, numbers, {}, IotaAttrs{static_cast<int64_t>(dim)});
  Instruction* start = start_along(digits, shape.dim(dim));
  Instruction* global = add(Op::add, numbers, {position, broadcast_scalar(start, numbers)});
  Instruction* end = broadcast_scalar(scalar_s32(size), numbers);
  Instruction* real = add(Op::compare, flags, {global, end}, CompareAttrs{Direction::LT, ComparisonType::automatic});
  return add(Op::select, shape.without_layout(), {real, value, broadcast_scalar(fill, shape)});
}

CollectiveAttrs Emitter::collective_attributes(const Digits& digits) {
  CollectiveAttrs attrs;
  attrs.channel_id = program_.next_channel();
  attrs.replica_groups = replica_groups(device_groups(digits, mesh_));
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
  attrs.use_global_device_ids = false;  // not among its attributes: its groups are partitions wherever it has a channel
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

Instruction* Emitter::local_slice(Instruction* value, size_t dim, const Digits& digits) {
  Dims dims = value->shape().dims();
  dims[dim] /= mesh_.size_of(digits);
  Instruction* start = start_along(digits, dims[dim]);
  Instruction* zero = value->shape().rank() > 1 ? scalar_s32(0) : nullptr;
  std::vector<Instruction*> operands = {value};
  for (size_t d = 0; d < dims.size(); ++d) operands.push_back(d == dim ? start : zero);
  return into_.add(Op::dynamic_slice, value->shape().with_dims(dims), operands, DynamicSliceAttrs{dims});
}

}  // namespace gshard
