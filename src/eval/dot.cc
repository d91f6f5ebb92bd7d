#include "eval/dot.h"

#include <algorithm>

#include "eval/elements.h"
#include "eval/evaluator.h"
#include "eval/movement.h"
#include "ir/dims.h"

namespace gshard {
namespace {

// Each dimension of the operand falls into as many blocks as the scale has elements along it, and each block has one
// scale. A scalar is one scale for all.
Literal scaled(const Literal& operand, const Literal& scale, DType type) {
  const Shape shape = operand.shape().with_type(type);
  const bool one = scale.shape().is_scalar();
  // Each dimension is split into blocks and what is inside of them, along which the scale is repeated.
  Dims split;
  Dims strides;
  const Dims scale_strides = row_major_strides(scale.shape().dims());
  for (size_t d = 0; d < shape.rank(); ++d) {
    const int64_t blocks = one ? 1 : scale.shape().dim(d);
    split.append(std::array{blocks, blocks > 0 ? shape.dim(d) / blocks : 0});
    strides.append(std::array{one ? 0 : scale_strides[d], int64_t{0}});
  }
  Literal factors(shape);
  copy_box(split, factors, {0, row_major_strides(split)}, convert_elements(scale, type), {0, strides});
  Literal product = convert_elements(operand, type);
  const auto scales = factors.values<float>();
  const auto values = product.mutable_values<float>();
  for (size_t i = 0; i < values.size(); ++i) values[i] *= scales[i];
  return product;
}

}  // namespace

bool any_empty(std::initializer_list<Shape> shapes) {
  return std::any_of(shapes.begin(), shapes.end(), [](const Shape& shape) { return shape.element_count() == 0; });
}

DType accumulator_type(DType result, DType lhs, DType rhs) {
  const auto any = [&](auto holds) { return holds(result) || holds(lhs) || holds(rhs); };
  const auto any_is = [&](DType type) { return any([&](DType other) { return other == type; }); };
  const bool wide = any_is(DType::f64) || any_is(DType::c128);
  if (any(is_complex)) return wide ? DType::c128 : DType::c64;
  if (any(is_floating)) return wide ? DType::f64 : DType::f32;
  return bytes_of(result) == 8 ? DType::u64 : DType::u32;
}

MatrixOperand::MatrixOperand(const Literal& operand, const Dims& batch, const Dims& contracted, DType type) {
  const Shape& shape = operand.shape();
  for (size_t d = 0; d < shape.rank(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    if (!is_among(dim, batch) && !is_among(dim, contracted)) free_dims_.push_back(dim);
  }
  batch_count_ = product_of(sizes_of(shape, batch));
  free_count_ = product_of(sizes_of(shape, free_dims_));
  contracted_count_ = product_of(sizes_of(shape, contracted));
  // An operand that lies as [batch, contracted, free] is used so; every other order is brought to contracted last.
  const Dims contracted_first = joined(batch, contracted, free_dims_);
  contracted_first_ = std::is_sorted(contracted_first.begin(), contracted_first.end());
  values_ =
      convert_elements(contracted_first_ ? operand : transposed(operand, joined(batch, free_dims_, contracted)), type);
}

// ---- dot --------------------------------------------------------------------------------------------------------

namespace {

Literal dot(const Shape& shape, const DotAttrs& attrs, const Literal& lhs, const Literal& rhs, DType type) {
  if (any_empty({shape, lhs.shape(), rhs.shape()})) return Literal(shape);
  const MatrixOperand a(lhs, attrs.lhs_batch_dims, attrs.lhs_contracting_dims, type);
  const MatrixOperand b(rhs, attrs.rhs_batch_dims, attrs.rhs_contracting_dims, type);
  Literal sums(shape.with_type(type));
  with_accumulator(type, [&]<class T>() { multiply<T>(a, b, sums.mutable_values<T>().data()); });
  return convert_elements(sums, shape.type());
}

}  // namespace

Literal eval_dot(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const DType type =
      accumulator_type(instruction.shape().type(), operands[0].shape().type(), operands[1].shape().type());
  return dot(instruction.shape(), instruction.attrs<DotAttrs>(), operands[0], operands[1], type);
}

Literal eval_scaled_dot(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  return dot(instruction.shape(), instruction.attrs<DotAttrs>(), scaled(operands[0], operands[2], DType::f32),
             scaled(operands[1], operands[3], DType::f32), DType::f32);
}

}  // namespace gshard
