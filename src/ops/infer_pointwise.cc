// Types of the ops that work on each element alone.
#include "ops/infer.h"

namespace gshard {
namespace {

Shape result_like(const Instruction& i, size_t operand, DType type) {
  return Shape(type, i.operand(operand)->shape().dims());
}

// The sizes of operand 0 with the element type of the declaration.
Shape declared_type(const Instruction& i) {
  const Shape& declared = i.shape();
  require(declared.is_array(), i, "the result of {} cannot be {}", i.operand(0)->shape(), declared);
  return result_like(i, 0, declared.type());
}

}  // namespace

Shape infer_unary(const Instruction& i) { return result_like(i, 0, i.operand(0)->shape().type()); }

Shape infer_unary_to_real(const Instruction& i) {
  return result_like(i, 0, real_part_type(i.operand(0)->shape().type()));
}

Shape infer_is_finite(const Instruction& i) { return result_like(i, 0, DType::pred); }

Shape infer_binary(const Instruction& i) {
  require_equal_dims(i, 0, 1);
  require_equal_types(i, 0, 1);
  return infer_unary(i);
}

Shape infer_complex(const Instruction& i) {
  const Shape part = infer_binary(i);
  if (part.type() == DType::f32) return part.with_type(DType::c64);
  if (part.type() == DType::f64) return part.with_type(DType::c128);
  fail(i, "the parts are {}; only f32 and f64 make a complex number", part);
}

Shape infer_compare(const Instruction& i) {
  infer_binary(i);
  const DType type = i.operand(0)->shape().type();
  const auto& [direction, comparison] = i.attrs<CompareAttrs>();
  const auto word = EnumWords<ComparisonType>::words[static_cast<size_t>(comparison)];
  const bool fits = [&, kind = comparison] {
    switch (kind) {
      case ComparisonType::automatic:
        return true;
      case ComparisonType::FLOAT:
        return is_floating(type) || is_complex(type);
      case ComparisonType::TOTALORDER:
        return is_floating(type);
      case ComparisonType::SIGNED:
        return is_signed_int(type);
      case ComparisonType::UNSIGNED:
        return is_unsigned_int(type) || type == DType::pred;
    }
    return false;
  }();
  require(fits, i, "type={} cannot compare {}", word, type);
  require(!is_complex(type) || direction == Direction::EQ || direction == Direction::NE, i,
          "{} has no order: only EQ and NE compare it", type);
  return result_like(i, 0, DType::pred);
}

Shape infer_select(const Instruction& i) {
  const Shape& predicate = i.operand(0)->shape();
  const Shape& on_true = i.operand(1)->shape();
  const Shape& on_false = i.operand(2)->shape();
  require(on_true == on_false, i, "operand 1 is {}, operand 2 is {}: they must be equal", on_true, on_false);
  require(on_true.is_array(), i, "operands 1 and 2 are {}: only arrays can be selected", on_true);
  if (!predicate.is_scalar()) require_equal_dims(i, 0, 1);
  return on_true;
}

Shape infer_clamp(const Instruction& i) {
  for (const size_t bound : {size_t{0}, size_t{2}}) {
    if (!i.operand(bound)->shape().is_scalar()) require_equal_dims(i, bound, 1);
    require_equal_types(i, bound, 1);
  }
  return result_like(i, 1, i.operand(1)->shape().type());
}

Shape infer_convert(const Instruction& i) { return declared_type(i); }

Shape infer_reduce_precision(const Instruction& i) {
  const auto& [exponent, mantissa] = i.attrs<ReducePrecisionAttrs>();
  require(exponent >= 1, i, "exponent_bits is {}, must be at least 1", exponent);
  require(mantissa >= 0, i, "mantissa_bits is {}, must not be negative", mantissa);
  return infer_unary(i);
}

Shape infer_stochastic_convert(const Instruction& i) {
  require_equal_dims(i, 0, 1);
  const Shape& value = i.operand(0)->shape();
  const Shape& random = i.operand(1)->shape();
  require(is_unsigned_int(random.type()) && bits_of(random.type()) == bits_of(value.type()), i,
          "operand 0 is {}, operand 1 is {}: the random bits must be unsigned integers of the same width", value,
          random);
  return declared_type(i);
}

}  // namespace gshard
