#include "shard/local_indices.h"

#include "eval/elements.h"
#include "shard/plan.h"

namespace gshard {
namespace {

// Scalars of one type, one for each component, spread over `shape`.
Instruction* spread_components(const std::vector<Instruction*>& scalars, size_t vector_dim, const Shape& shape,
                               Emitter& emitter) {
  if (scalars.size() == 1) return emitter.broadcast_scalar(scalars[0], shape);
  const DType type = scalars[0]->shape().type();
  std::vector<Instruction*> parts;
  for (Instruction* scalar : scalars) parts.push_back(emitter.add(Op::reshape, Shape(type, {1}), {scalar}));
  const Shape vector(type, {static_cast<int64_t>(parts.size())});
  Instruction* joined = emitter.computation().add(Op::concatenate, vector, parts, DimensionsAttrs{{0}});
  return emitter.add(Op::broadcast, shape, {joined}, DimensionsAttrs{{static_cast<int64_t>(vector_dim)}});
}

// Where this device's part of a dimension, with its margin, begins in the whole.
Instruction* beginning_of(const IndexedDim& dim, Emitter& emitter) {
  if (dim.digits.empty()) return emitter.scalar_s32(0);
  Instruction* start = emitter.start_along(dim.digits, dim.part);
  if (dim.margin == 0) return start;
  return emitter.add(Op::subtract, Shape(DType::s32), {start, emitter.scalar_s32(dim.margin)});
}

// In a type that has room for every index of the whole and for one outside.
Instruction* widened(Instruction* indices, Emitter& emitter) {
  const Shape& shape = indices->shape();
  if (bits_of(shape.type()) >= 32) return indices;
  return emitter.add(Op::convert, Shape(DType::s32, shape.dims()), {indices});
}

}  // namespace

bool is_any_indexed_cut(const LocalOp& op) {
  for (size_t f = 0; f < op.plan.cut.size(); ++f) {
    if (op.plan.way->rule.factors[f].kind == FactorKind::indexed && !op.plan.cut[f].empty()) return true;
  }
  return false;
}

Instruction* localized_indices(Instruction* indices, size_t vector_dim, const std::vector<IndexedDim>& dims,
                               Emitter& emitter) {
  if (dims.empty()) return indices;
  indices = widened(indices, emitter);
  const Shape shape = indices->shape().without_layout();
  const Shape places(DType::s32, shape.dims());
  std::vector<Instruction*> lowest;
  std::vector<Instruction*> highest;
  std::vector<Instruction*> starts;
  for (const IndexedDim& dim : dims) {
    lowest.push_back(emitter.scalar(shape.type(), is_unsigned_int(shape.type()) ? 0 : dim.lowest));
    highest.push_back(emitter.scalar(shape.type(), dim.highest));
    starts.push_back(beginning_of(dim, emitter));
  }
  Instruction* clamped = emitter.add(Op::clamp, shape,
                                     {spread_components(lowest, vector_dim, shape, emitter), indices,
                                      spread_components(highest, vector_dim, shape, emitter)});
  if (shape.type() != DType::s32) clamped = emitter.add(Op::convert, places, {clamped});
  return emitter.add(Op::subtract, places, {clamped, spread_components(starts, vector_dim, places, emitter)});
}

Instruction* points_inside(Instruction* indices, size_t vector_dim, const std::vector<IndexedDim>& dims,
                           Emitter& emitter) {
  const Shape& shape = indices->shape();
  const Shape flags(DType::pred, shape.dims());
  std::vector<Instruction*> zeros(dims.size(), emitter.scalar_s32(0));
  std::vector<Instruction*> ends;
  for (const IndexedDim& dim : dims) ends.push_back(emitter.scalar_s32(dim.part + dim.margin));
  Instruction* from = emitter.add(Op::compare, flags, {indices, spread_components(zeros, vector_dim, shape, emitter)},
                                  CompareAttrs{Direction::GE});
  Instruction* below = emitter.add(Op::compare, flags, {indices, spread_components(ends, vector_dim, shape, emitter)},
                                   CompareAttrs{Direction::LT});
  Instruction* inside = emitter.add(Op::and_, flags, {from, below});
  if (vector_dim == shape.rank()) return inside;
  Dims sizes = shape.dims();
  sizes.erase(sizes.begin() + vector_dim);
  Instruction* all =
      emitter.add(Op::reduce, Shape(DType::pred, sizes), {inside, emitter.neutral(Reducer::and_, DType::pred)},
                  DimensionsAttrs{{static_cast<int64_t>(vector_dim)}});
  all->mutable_callees().push_back(emitter.program().reducer_computation(Reducer::and_, DType::pred));
  return all;
}

Instruction* without_extremes(Instruction* indices, size_t vector_dim, const std::vector<IndexedDim>& dims,
                              Emitter& emitter) {
  const Shape& shape = indices->shape();
  const Shape flags(DType::pred, shape.dims());
  const auto is_at = [&](int64_t IndexedDim::*place) {
    std::vector<Instruction*> places;
    for (const IndexedDim& dim : dims) {
      places.push_back(
          emitter.add(Op::subtract, Shape(DType::s32), {emitter.scalar_s32(dim.*place), beginning_of(dim, emitter)}));
    }
    return emitter.add(Op::compare, flags, {indices, spread_components(places, vector_dim, shape, emitter)},
                       CompareAttrs{Direction::EQ});
  };
  Instruction* extreme = emitter.add(Op::or_, flags, {is_at(&IndexedDim::lowest), is_at(&IndexedDim::highest)});
  return emitter.add(Op::select, shape, {extreme, emitter.broadcast_scalar(emitter.scalar_s32(-1), shape), indices});
}

Instruction* nothing_to_add(DType type, Emitter& emitter) {
  if (type == DType::f8e8m0fnu) return emitter.neutral(Reducer::max, type);
  if (!is_floating(type)) return emitter.scalar(type, 0);
  Literal zero = convert_elements(Literal::scalar(DType::f64, -0.0), type);
  return emitter.add(Op::constant, Shape(type), {}, ConstantAttrs{std::move(zero)});
}

}  // namespace gshard
