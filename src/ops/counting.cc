#include "ops/counting.h"

namespace gshard {
namespace {

constexpr int kMostSteps = 16;

// Whether every position along the dimension is a number of the type.
bool can_count(DType type, int64_t size) {
  if (!is_integer(type)) return false;
  const int digits = bits_of(type) - (is_signed_int(type) ? 1 : 0);
  return digits >= 63 || size <= int64_t{1} << digits;
}

bool is_zero(const Instruction& x) {
  if (x.op() == Op::broadcast || x.op() == Op::convert) return is_zero(*x.operand(0));
  if (x.op() != Op::constant || !is_integer(x.shape().type()) || x.shape().rank() != 0) return false;
  return x.attrs<ConstantAttrs>().value == Literal(Shape(x.shape().type()));
}

// Of the dimensions larger than 1, the reshaped array has the same in the same order: where is the one of `from`?
std::optional<int64_t> reshaped_dim(const Shape& from, int64_t dim, const Shape& to) {
  Dims left;
  Dims right;
  for (size_t d = 0; d < from.rank(); ++d) {
    if (from.dim(d) != 1) left.push_back(static_cast<int64_t>(d));
  }
  for (size_t d = 0; d < to.rank(); ++d) {
    if (to.dim(d) != 1) right.push_back(static_cast<int64_t>(d));
  }
  if (left.size() != right.size()) return std::nullopt;
  std::optional<int64_t> found;
  for (size_t i = 0; i < left.size(); ++i) {
    if (from.dim(static_cast<size_t>(left[i])) != to.dim(static_cast<size_t>(right[i]))) return std::nullopt;
    if (left[i] == dim) found = right[i];
  }
  return found;
}

std::optional<int64_t> counting_dim_of(const Instruction& x, int steps);

// select(i < 0, i + n, i), by which programs let indices count from the end, where i counts up from 0.
bool is_never(const Instruction& predicate, int steps) {
  return predicate.op() == Op::compare && predicate.attrs<CompareAttrs>().direction == Direction::LT &&
         is_zero(*predicate.operand(1)) && counting_dim_of(*predicate.operand(0), steps).has_value();
}

std::optional<int64_t> counting_dim_of(const Instruction& x, int steps) {
  if (steps == 0 || !x.shape().is_array()) return std::nullopt;
  if (x.op() == Op::iota) {
    const int64_t dim = x.attrs<IotaAttrs>().iota_dimension;
    return can_count(x.shape().type(), x.shape().dim(static_cast<size_t>(dim))) ? std::optional(dim) : std::nullopt;
  }
  if (x.op() == Op::select) {
    return is_never(*x.operand(0), steps - 1) ? counting_dim_of(*x.operand(2), steps - 1) : std::nullopt;
  }
  const bool is_sharding = x.op() == Op::custom_call && x.attrs<CustomCallAttrs>().custom_call_target == "Sharding";
  const bool passes = x.op() == Op::broadcast || x.op() == Op::reshape || x.op() == Op::convert || x.op() == Op::copy;
  if (!passes && !is_sharding) return std::nullopt;
  const Shape& from = x.operand(0)->shape();
  const std::optional<int64_t> dim = counting_dim_of(*x.operand(0), steps - 1);
  if (!dim || !can_count(x.shape().type(), from.dim(static_cast<size_t>(*dim)))) return std::nullopt;
  if (x.op() == Op::broadcast) return x.attrs<DimensionsAttrs>().dimensions[static_cast<size_t>(*dim)];
  return x.op() == Op::reshape ? reshaped_dim(from, *dim, x.shape()) : dim;
}

}  // namespace

std::optional<int64_t> counting_dim(const Instruction& indices, int64_t vector_dim, size_t component) {
  const auto along = static_cast<size_t>(vector_dim);
  const Instruction* part = &indices;
  const bool is_scalar = along == indices.shape().rank() || indices.shape().dim(along) == 1;
  if (!is_scalar) {
    if (indices.op() != Op::concatenate || indices.attrs<DimensionsAttrs>().dimensions[0] != vector_dim)
      return std::nullopt;
    int64_t at = static_cast<int64_t>(component);
    size_t number = 0;
    while (at >= indices.operand(number)->shape().dim(along)) at -= indices.operand(number++)->shape().dim(along);
    part = indices.operand(number);
    if (part->shape().dim(along) != 1) return std::nullopt;
  }
  const std::optional<int64_t> dim = counting_dim_of(*part, kMostSteps);
  return dim == vector_dim ? std::nullopt : dim;
}

}  // namespace gshard
