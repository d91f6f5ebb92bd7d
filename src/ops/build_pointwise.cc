// Builders of leaves and of ops that work on each element alone.
#include <array>
#include <utility>

#include "ops/build.h"
#include "ops/constants.h"

namespace gshard {
namespace {

Value unary(Op op, Value x, const Here& here) { return append({op}, std::array{x}, here); }

// The operand as a value, a number as an array like `other`.
Value materialize(const Operand& operand, const Operand& other, Op op, const Here& here) {
  if (!operand.is_number()) return operand.value();
  if (other.is_number()) throw error_here(std::string(keyword_of(op)) + ": one of the operands must be a value", here);
  return full_like(other.value(), operand.number(), here);
}

Value binary(Op op, const Operand& a, const Operand& b, const Here& here, Attributes attributes = NoAttrs{}) {
  const std::array operands{materialize(a, b, op, here), materialize(b, a, op, here)};
  return append({op, std::move(attributes)}, operands, here);
}

Value to_type(Op op, std::initializer_list<Value> operands, DType type, const Here& here) {
  const std::vector<Value> values(operands);
  return append({op, NoAttrs{}, {}, Shape(type)}, values, here);
}

}  // namespace

// ---- leaves -------------------------------------------------------------------------------------------------------

Value constant(Computation& in, Literal literal, Here here) {
  return append(in, {Op::constant, ConstantAttrs{std::move(literal)}}, {}, here);
}

Value constant(Computation& in, DType type, double number, Here here) {
  return constant(in, full(Shape(type), number), here);
}

Value full(Computation& in, const Shape& shape, double number, Here here) {
  const Value scalar = constant(in, shape.type(), number, here);
  return shape.is_scalar() ? scalar : broadcast(scalar, shape.dims(), {}, here);
}

Value full_like(Value x, double number, Here here) { return full(x.computation(), x.shape(), number, here); }

Value iota(Computation& in, const Shape& shape, int64_t iota_dimension, Here here) {
  return append(in, {Op::iota, IotaAttrs{iota_dimension}, {}, shape}, {}, here);
}

Value parameter(Computation& in, const Shape& shape, Here here) {
  const ParameterAttrs attributes{static_cast<int64_t>(in.parameters().size())};
  return append(in, {Op::parameter, attributes, {}, shape}, {}, here);
}

Value partition_id(Computation& in, Here here) { return append(in, {Op::partition_id}, {}, here); }

Value replica_id(Computation& in, Here here) { return append(in, {Op::replica_id}, {}, here); }

Value rng_get_and_update_state(Computation& in, int64_t delta, Here here) {
  const Shape state(DType::u64, {2});
  return append(in, {Op::rng_get_and_update_state, RngStateAttrs{delta}, {}, state}, {}, here);
}

Value after_all(Computation& in, const std::vector<Value>& tokens, Here here) {
  return append(in, {Op::after_all}, tokens, here);
}

// ---- one operand ----------------------------------------------------------------------------------------------------

#define GSHARD_UNARY(name) \
  Value name(Value x, Here here) { return unary(Op::name, x, here); }
GSHARD_UNARY(abs)
GSHARD_UNARY(acos)
GSHARD_UNARY(acosh)
GSHARD_UNARY(asin)
GSHARD_UNARY(asinh)
GSHARD_UNARY(atanh)
GSHARD_UNARY(cbrt)
GSHARD_UNARY(ceil)
GSHARD_UNARY(cosh)
GSHARD_UNARY(cosine)
GSHARD_UNARY(count_leading_zeros)
GSHARD_UNARY(erf)
GSHARD_UNARY(exponential)
GSHARD_UNARY(exponential_minus_one)
GSHARD_UNARY(floor)
GSHARD_UNARY(imag)
GSHARD_UNARY(is_finite)
GSHARD_UNARY(log)
GSHARD_UNARY(log_plus_one)
GSHARD_UNARY(logistic)
GSHARD_UNARY(negate)
GSHARD_UNARY(not_)
GSHARD_UNARY(popcnt)
GSHARD_UNARY(real)
GSHARD_UNARY(round_nearest_afz)
GSHARD_UNARY(round_nearest_even)
GSHARD_UNARY(rsqrt)
GSHARD_UNARY(sign)
GSHARD_UNARY(sine)
GSHARD_UNARY(sinh)
GSHARD_UNARY(sqrt)
GSHARD_UNARY(tan)
GSHARD_UNARY(tanh)
#undef GSHARD_UNARY

// ---- two and three operands -----------------------------------------------------------------------------------------

#define GSHARD_BINARY(name) \
  Value name(Operand a, Operand b, Here here) { return binary(Op::name, a, b, here); }
GSHARD_BINARY(add)
GSHARD_BINARY(and_)
GSHARD_BINARY(atan2)
GSHARD_BINARY(complex)
GSHARD_BINARY(divide)
GSHARD_BINARY(maximum)
GSHARD_BINARY(minimum)
GSHARD_BINARY(mulhi)
GSHARD_BINARY(multiply)
GSHARD_BINARY(or_)
GSHARD_BINARY(power)
GSHARD_BINARY(remainder)
GSHARD_BINARY(shift_left)
GSHARD_BINARY(shift_right_arithmetic)
GSHARD_BINARY(shift_right_logical)
GSHARD_BINARY(subtract)
GSHARD_BINARY(xor_)
#undef GSHARD_BINARY

Value compare(Operand a, Operand b, Direction direction, ComparisonType type, Here here) {
  return binary(Op::compare, a, b, here, CompareAttrs{direction, type});
}

Value select(Value predicate, Operand on_true, Operand on_false, Here here) {
  const std::array operands{predicate, materialize(on_true, on_false, Op::select, here),
                            materialize(on_false, on_true, Op::select, here)};
  return append({Op::select}, operands, here);
}

Value clamp(Operand low, Value x, Operand high, Here here) {
  const auto bound = [&](const Operand& operand) {
    return operand.is_number() ? constant(x.computation(), x.type(), operand.number(), here) : operand.value();
  };
  return append({Op::clamp}, std::array{bound(low), x, bound(high)}, here);
}

// ---- types ----------------------------------------------------------------------------------------------------------

Value convert(Value x, DType type, Here here) { return x.type() == type ? x : to_type(Op::convert, {x}, type, here); }

Value bitcast_convert(Value x, DType type, Here here) { return to_type(Op::bitcast_convert, {x}, type, here); }

Value reduce_precision(Value x, int64_t exponent_bits, int64_t mantissa_bits, Here here) {
  return append({Op::reduce_precision, ReducePrecisionAttrs{exponent_bits, mantissa_bits}}, std::array{x}, here);
}

Value stochastic_convert(Value x, Value random, DType type, Here here) {
  return to_type(Op::stochastic_convert, {x, random}, type, here);
}

}  // namespace gshard
