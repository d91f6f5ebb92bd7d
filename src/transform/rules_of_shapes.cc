// The algebra of ops that move elements: reshape, transpose, broadcast, slice, pad, concatenate, reverse, ...
#include <algorithm>
#include <limits>
#include <numeric>

#include "eval/elements.h"
#include "transform/simplify_algebra.h"

namespace gshard {
namespace {

// The scalar that x is everywhere, where x is a broadcast of one.
Instruction* splatted(const Instruction& x) {
  return x.op() == Op::broadcast && x.operand(0)->shape().is_scalar() ? x.operand(0) : nullptr;
}

Instruction* splat(Instruction& x, Instruction* scalar) {
  return x.parent()->add(Op::broadcast, x.shape(), {{scalar}}, DimensionsAttrs{});
}

Instruction* reshaped(Instruction& x, Instruction* value) {
  if (value->shape() == x.shape()) return value;
  return x.parent()->add(Op::reshape, x.shape(), {{value}});
}

const Dims& dimensions_of(const Instruction& x) { return x.attrs<DimensionsAttrs>().dimensions; }

bool is_iota(const Dims& dims) {
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

// Whether the dimensions named in `dims` that are not of size 1 are named in ascending order.
bool keeps_order(const Dims& dims, const Dims& sizes) {
  int64_t last = -1;
  for (int64_t dim : dims) {
    if (sizes[static_cast<size_t>(dim)] == 1) continue;
    if (dim < last) return false;
    last = dim;
  }
  return true;
}

// ---- any op that moves elements ---------------------------------------------------------------------------------

// Moving the elements of a splat about gives a splat.
Instruction* movement_of_splat(Instruction& x) {
  Instruction* scalar = splatted(*x.operand(0));
  return scalar != nullptr ? splat(x, scalar) : nullptr;
}

// ---- reshape ----------------------------------------------------------------------------------------------------

Instruction* reshape_to_same(Instruction& x) { return x.operand(0)->shape() == x.shape() ? x.operand(0) : nullptr; }

Instruction* reshape_of_reshape(Instruction& x) {
  return x.operand(0)->op() == Op::reshape ? reshaped(x, x.operand(0)->operand(0)) : nullptr;
}

// ---- transpose --------------------------------------------------------------------------------------------------

Instruction* transpose_of_nothing(Instruction& x) { return is_iota(dimensions_of(x)) ? x.operand(0) : nullptr; }

Instruction* transpose_of_transpose(Instruction& x) {
  const Instruction& inner = *x.operand(0);
  if (inner.op() != Op::transpose) return nullptr;
  Dims composed;
  for (int64_t dim : dimensions_of(x)) composed.push_back(dimensions_of(inner)[static_cast<size_t>(dim)]);
  if (is_iota(composed)) return inner.operand(0);
  return x.parent()->add(Op::transpose, x.shape(), {{inner.operand(0)}}, DimensionsAttrs{composed});
}

// Moving dimensions of size 1 moves no element.
Instruction* transpose_of_units(Instruction& x) {
  const bool moves = !keeps_order(dimensions_of(x), x.operand(0)->shape().dims());
  return moves ? nullptr : reshaped(x, x.operand(0));
}

// ---- broadcast --------------------------------------------------------------------------------------------------

Instruction* broadcast_to_same(Instruction& x) {
  return x.operand(0)->shape() == x.shape() && is_iota(dimensions_of(x)) ? x.operand(0) : nullptr;
}

Instruction* broadcast_of_broadcast(Instruction& x) {
  const Instruction& inner = *x.operand(0);
  if (inner.op() != Op::broadcast) return nullptr;
  Dims composed;
  for (int64_t dim : dimensions_of(inner)) composed.push_back(dimensions_of(x)[static_cast<size_t>(dim)]);
  return x.parent()->add(Op::broadcast, x.shape(), {{inner.operand(0)}}, DimensionsAttrs{composed});
}

// A broadcast that only adds dimensions of size 1 copies nothing.
Instruction* broadcast_to_units(Instruction& x) {
  const Shape& from = x.operand(0)->shape();
  if (from.element_count() != x.shape().element_count() || x.shape().element_count() == 0) return nullptr;
  return keeps_order(dimensions_of(x), x.shape().dims()) ? reshaped(x, x.operand(0)) : nullptr;
}

// ---- slice, pad, concatenate, reverse ---------------------------------------------------------------------------

Instruction* slice_of_all(Instruction& x) { return reshape_to_same(x); }

// Element i of the outer slice is element s + t*i of the inner one, which is element s' + t'*(s + t*i) of the operand.
Instruction* slice_of_slice(Instruction& x) {
  const Instruction& inner = *x.operand(0);
  if (inner.op() != Op::slice) return nullptr;
  const SliceRanges& a = inner.attrs<SliceAttrs>().slice;
  const SliceRanges& b = x.attrs<SliceAttrs>().slice;
  SliceRanges composed;
  for (size_t i = 0; i < x.shape().rank(); ++i) {
    const int64_t size = x.shape().dim(i);  // every element of it is one of the operand, so nothing overflows
    const int64_t start = size == 0 ? 0 : a.starts[i] + a.strides[i] * b.starts[i];
    const int64_t stride = size <= 1 ? 1 : a.strides[i] * b.strides[i];
    composed.starts.push_back(start);
    composed.limits.push_back(size == 0 ? 0 : start + stride * (size - 1) + 1);
    composed.strides.push_back(stride);
  }
  return x.parent()->add(Op::slice, x.shape(), {{inner.operand(0)}}, SliceAttrs{composed});
}

Instruction* pad_by_nothing(Instruction& x) {
  const auto& dims = x.attrs<PadAttrs>().padding.dims;
  const bool none = std::all_of(dims.begin(), dims.end(), [](const PaddingDim& d) { return d == PaddingDim{}; });
  return none ? x.operand(0) : nullptr;
}

// Of a value without elements only the padding is seen, and around a splat of the padding there is more of it.
Instruction* pad_of_padding(Instruction& x) {
  const Instruction& operand = *x.operand(0);
  const bool is_empty = operand.shape().element_count() == 0;
  return is_empty || splatted(operand) == x.operand(1) ? splat(x, x.operand(1)) : nullptr;
}

Instruction* concatenate_one(Instruction& x) { return x.operand_count() == 1 ? x.operand(0) : nullptr; }

Instruction* concatenate_of_empty(Instruction& x) {
  Instruction::Operands full;
  for (Instruction* operand : x.operands()) {
    if (operand->shape().element_count() > 0) full.push_back(operand);
  }
  if (full.empty() || full.size() == x.operand_count()) return nullptr;
  return x.parent()->add(Op::concatenate, x.shape(), {full.data(), full.size()}, x.attributes());
}

Instruction* concatenate_of_splats(Instruction& x) {
  Instruction* scalar = splatted(*x.operand(0));
  const bool same = scalar != nullptr && std::all_of(x.operands().begin(), x.operands().end(),
                                                     [&](const Instruction* o) { return splatted(*o) == scalar; });
  return same ? splat(x, scalar) : nullptr;
}

Instruction* reverse_of_dims(Instruction& x, Instruction* operand, const Dims& dims) {
  if (dims.empty()) return operand;
  return x.parent()->add(Op::reverse, x.shape(), {{operand}}, DimensionsAttrs{dims});
}

Instruction* reverse_of_units(Instruction& x) {
  Dims moving;
  for (int64_t dim : dimensions_of(x)) {
    if (x.shape().dim(static_cast<size_t>(dim)) > 1) moving.push_back(dim);
  }
  return moving.size() == dimensions_of(x).size() ? nullptr : reverse_of_dims(x, x.operand(0), moving);
}

// What both reverse stays as it was.
Instruction* reverse_of_reverse(Instruction& x) {
  const Instruction& inner = *x.operand(0);
  if (inner.op() != Op::reverse) return nullptr;
  Dims once;
  const auto add_missing = [&](const Dims& from, const Dims& other) {
    for (int64_t dim : from) {
      if (std::find(other.begin(), other.end(), dim) == other.end()) once.push_back(dim);
    }
  };
  add_missing(dimensions_of(inner), dimensions_of(x));
  add_missing(dimensions_of(x), dimensions_of(inner));
  std::sort(once.begin(), once.end());
  return reverse_of_dims(x, inner.operand(0), once);
}

// ---- dynamic-slice, dynamic-update-slice ------------------------------------------------------------------------

Instruction* dynamic_slice_of_all(Instruction& x) { return reshape_to_same(x); }

Instruction* dynamic_slice_at_constant(Instruction& x) {
  SliceRanges ranges;
  for (size_t i = 0; i < x.shape().rank(); ++i) {
    if (x.operand_count() != x.shape().rank() + 1) return nullptr;  // all indices in one operand: the old form
    const Instruction& index = *x.operand(i + 1);
    if (index.op() != Op::constant || index.attrs<ConstantAttrs>().value.is_elided()) return nullptr;
    const int64_t room = x.operand(0)->shape().dim(i) - x.shape().dim(i);
    ranges.starts.push_back(std::clamp<int64_t>(integer_at(index.attrs<ConstantAttrs>().value, 0), 0, room));
    ranges.limits.push_back(ranges.starts.back() + x.shape().dim(i));
    ranges.strides.push_back(1);
  }
  return x.parent()->add(Op::slice, x.shape(), {{x.operand(0)}}, SliceAttrs{ranges});
}

Instruction* update_of_all(Instruction& x) { return x.operand(1)->shape() == x.shape() ? x.operand(1) : nullptr; }

Instruction* update_of_nothing(Instruction& x) {
  return x.operand(1)->shape().element_count() == 0 ? x.operand(0) : nullptr;
}

// ---- iota, sort -------------------------------------------------------------------------------------------------

Instruction* iota_of_one(Instruction& x) {
  if (x.shape().dim(static_cast<size_t>(x.attrs<IotaAttrs>().iota_dimension)) != 1) return nullptr;
  if (x.shape().type() == DType::f8e8m0fnu) return nullptr;  // has no zero
  const Shape scalar(x.shape().type());
  return splat(x, x.parent()->add(Op::constant, scalar, {}, ConstantAttrs{Literal(scalar)}));
}

Instruction* sort_of_one(Instruction& x) {
  const auto dim = static_cast<size_t>(x.attrs<SortAttrs>().dimensions[0]);
  if (x.operand(0)->shape().dim(dim) > 1) return nullptr;
  if (x.shape().is_array()) return x.operand(0);
  return x.parent()->add(Op::tuple, x.shape(), {x.operands().data(), x.operand_count()});
}

// clang-format off: one rule per line.
constexpr OpRule kRules[] = {
    {Op::reshape, reshape_to_same},
    {Op::reshape, reshape_of_reshape},
    {Op::reshape, movement_of_splat},
    {Op::transpose, transpose_of_nothing},
    {Op::transpose, movement_of_splat},
    {Op::transpose, transpose_of_transpose},
    {Op::transpose, transpose_of_units},
    {Op::broadcast, broadcast_to_same},
    {Op::broadcast, broadcast_of_broadcast},
    {Op::broadcast, broadcast_to_units},
    {Op::slice, slice_of_all},
    {Op::slice, movement_of_splat},
    {Op::slice, slice_of_slice},
    {Op::pad, pad_by_nothing},
    {Op::pad, pad_of_padding},
    {Op::concatenate, concatenate_one},
    {Op::concatenate, concatenate_of_empty},
    {Op::concatenate, concatenate_of_splats},
    {Op::reverse, reverse_of_units},
    {Op::reverse, movement_of_splat},
    {Op::reverse, reverse_of_reverse},
    {Op::dynamic_slice, dynamic_slice_of_all},
    {Op::dynamic_slice, movement_of_splat},
    {Op::dynamic_slice, dynamic_slice_at_constant},
    {Op::dynamic_update_slice, update_of_all},
    {Op::dynamic_update_slice, update_of_nothing},
    {Op::gather, movement_of_splat},
    {Op::iota, iota_of_one},
    {Op::sort, sort_of_one},
};
// clang-format on

}  // namespace

std::span<const OpRule> rules_of_shapes() { return kRules; }

}  // namespace gshard
