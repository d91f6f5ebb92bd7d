#include "backend/cpu/pointwise_ops.h"

namespace gshard::cpu {
namespace {

enum class On : uint8_t { floats, integers, numbers, bits, all };

bool includes(On on, DType type) {
  switch (on) {
    case On::floats:
      return is_floating(type);
    case On::integers:
      return is_integer(type);
    case On::numbers:
      return is_floating(type) || is_integer(type);
    case On::bits:
      return is_integer(type) || type == DType::pred;
    case On::all:
      return true;
  }
  return false;
}

struct Row {
  Op op;
  On on;
};

constexpr Row kRows[] = {
    {Op::abs, On::numbers},
    {Op::acos, On::floats},
    {Op::acosh, On::floats},
    {Op::add, On::all},
    {Op::and_, On::bits},
    {Op::asin, On::floats},
    {Op::asinh, On::floats},
    {Op::atan2, On::floats},
    {Op::atanh, On::floats},
    {Op::cbrt, On::floats},
    {Op::ceil, On::floats},
    {Op::clamp, On::all},
    {Op::compare, On::all},
    {Op::convert, On::all},
    {Op::cosine, On::floats},
    {Op::cosh, On::floats},
    {Op::count_leading_zeros, On::integers},
    {Op::divide, On::numbers},
    {Op::erf, On::floats},
    {Op::exponential, On::floats},
    {Op::exponential_minus_one, On::floats},
    {Op::floor, On::floats},
    {Op::is_finite, On::floats},
    {Op::log, On::floats},
    {Op::log_plus_one, On::floats},
    {Op::logistic, On::floats},
    {Op::maximum, On::all},
    {Op::minimum, On::all},
    {Op::multiply, On::all},
    {Op::negate, On::numbers},
    {Op::not_, On::bits},
    {Op::or_, On::bits},
    {Op::popcnt, On::integers},
    {Op::power, On::floats},
    {Op::remainder, On::numbers},
    {Op::round_nearest_afz, On::floats},
    {Op::round_nearest_even, On::floats},
    {Op::rsqrt, On::floats},
    {Op::select, On::all},
    {Op::shift_left, On::integers},
    {Op::shift_right_arithmetic, On::integers},
    {Op::shift_right_logical, On::integers},
    {Op::sign, On::numbers},
    {Op::sine, On::floats},
    {Op::sinh, On::floats},
    {Op::sqrt, On::floats},
    {Op::subtract, On::numbers},
    {Op::tan, On::floats},
    {Op::tanh, On::floats},
    {Op::xor_, On::bits},
};

}  // namespace

bool is_pointwise_loop_op(const Instruction& x) {
  if (x.op() == Op::bitcast_convert) {
    const DType from = x.operand(0)->shape().type();
    const DType to = x.shape().type();
    // In registers narrow floats are wide ones, which do not keep every NaN.
    const auto has_own_bits = [](DType type) {
      return type != DType::pred && type != DType::bf16 && type != DType::f16;
    };
    return bits_of(from) == bits_of(to) && has_own_bits(from) && has_own_bits(to);
  }
  for (const Row& row : kRows) {
    if (row.op == x.op()) return includes(row.on, x.operand(0)->shape().type());
  }
  return false;
}

}  // namespace gshard::cpu
