// Pointwise ops whose loop depends on more than the type of operand 0: on attributes, or on the result's type.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "eval/dispatch.h"
#include "eval/elements.h"
#include "eval/pointwise.h"

namespace gshard {
namespace {

// ---- compare ----------------------------------------------------------------------------------------------------

template <class Relation>
struct Compare {
  template <class T>
  requires std::invocable<Relation, T, T> uint8_t operator()(T x, T y) const { return Relation{}(x, y) ? 1 : 0; }
};
template <class Relation>
struct CompareTotal {
  template <Real T>
  uint8_t operator()(T x, T y) const {
    return Relation{}(total_order_key(x), total_order_key(y)) ? 1 : 0;
  }
};

template <template <class> class Comparison>
const Loops& comparison_loops(Direction direction) {
  static constexpr std::array kLoops = {
      loops<2, Comparison<std::equal_to<>>>(),      loops<2, Comparison<std::not_equal_to<>>>(),
      loops<2, Comparison<std::greater_equal<>>>(), loops<2, Comparison<std::greater<>>>(),
      loops<2, Comparison<std::less_equal<>>>(),    loops<2, Comparison<std::less<>>>(),
  };
  return kLoops[static_cast<size_t>(direction)];
}

void resolve_compare(PointwiseOp& op) {
  const auto& attrs = op.instruction->attrs<CompareAttrs>();
  const bool total = attrs.type == ComparisonType::TOTALORDER && is_floating(op.operands[0]);
  const Loops& loops =
      total ? comparison_loops<CompareTotal>(attrs.direction) : comparison_loops<Compare>(attrs.direction);
  op.loop = loops.for_type(op.operands[0]);
}

// ---- select and clamp -------------------------------------------------------------------------------------------

template <class T>
void select_loop(const Block& block) {
  const auto* which = static_cast<const uint8_t*>(block.in[0]);
  const T* on_true = static_cast<const T*>(block.in[1]);
  const T* on_false = static_cast<const T*>(block.in[2]);
  T* out = static_cast<T*>(block.out);
  for (size_t i = 0; i < block.n; ++i) out[i] = which[i] != 0 ? on_true[i] : on_false[i];
}

void resolve_select(PointwiseOp& op) {
  op.as_stored = true;
  op.loop = with_bytes(op.result, []<class T>() -> BlockLoop { return select_loop<T>; });
}

struct Clamp {
  template <class T>
  requires(Integer<T> || Real<T>) T operator()(T low, T x, T high) const { return Minimum{}(high, Maximum{}(low, x)); }
};

// ---- conversions ------------------------------------------------------------------------------------------------

void convert_loop(const Block& block) {
  convert_block(block.op->operands[0], static_cast<const std::byte*>(block.in[0]), block.op->result,
                static_cast<std::byte*>(block.out), block.n);
}

void resolve_convert(PointwiseOp& op) {
  if (is_complex(op.operands[0]) && !is_complex(op.result) && op.result != DType::pred) {
    throw evaluation_error(*op.instruction, "no conversion from " + std::string(name_of(op.operands[0])) + " to " +
                                                std::string(name_of(op.result)) + "; take the real part");
  }
  op.as_stored = true;
  op.loop = convert_loop;
}

// copy, and bitcast-convert between types of one width.
void copy_loop(const Block& block) {
  if (block.in[0] != block.out) {
    std::memcpy(block.out, block.in[0], block.n * static_cast<size_t>(bytes_of(block.op->result)));
  }
  if (block.op->result == DType::pred) bytes_to_preds(static_cast<std::byte*>(block.out), block.n);
}

// ---- reduce-precision -------------------------------------------------------------------------------------------

// The layout of a float type: sign, exponent, mantissa.
struct FloatLayout {
  int exponent_bits;
  int mantissa_bits;
  uint64_t infinity;  // or what stands for too large numbers
};

template <class T>
constexpr FloatLayout layout_of() {
  if constexpr (std::same_as<T, float>) {
    return {8, 23, uint64_t{255} << 23};
  } else if constexpr (std::same_as<T, double>) {
    return {11, 52, uint64_t{2047} << 52};
  } else {
    return {T::format.exponent_bits, T::format.mantissa_bits, T::format.overflow(0)};
  }
}

// Rounds the code of a finite magnitude to fewer bits: nearest, ties to even; what is too large becomes infinite,
// what is below the smallest normal number of the reduced format zero.
uint64_t reduced_magnitude(uint64_t code, const FloatLayout& layout, int exponent_bits, int mantissa_bits) {
  if (const int dropped = layout.mantissa_bits - mantissa_bits; dropped > 0) {
    const uint64_t odd = (code >> dropped) & 1;
    code = (code + (uint64_t{1} << (dropped - 1)) - 1 + odd) >> dropped << dropped;
  }
  if (exponent_bits < layout.exponent_bits) {
    const uint64_t bias = (uint64_t{1} << (layout.exponent_bits - 1)) - 1;
    const uint64_t reduced_bias = (uint64_t{1} << (exponent_bits - 1)) - 1;
    const uint64_t exponent = code >> layout.mantissa_bits;
    if (exponent > bias + reduced_bias) return layout.infinity;
    if (exponent <= bias - reduced_bias) return 0;
  }
  return std::min(code, layout.infinity);
}

template <class T>
void reduce_precision_loop(const Block& block) {
  using Bits = std::conditional_t<
      sizeof(T) == 1, uint8_t,
      std::conditional_t<sizeof(T) == 2, uint16_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>>;
  constexpr FloatLayout kLayout = layout_of<T>();
  constexpr auto kMagnitude = static_cast<Bits>((uint64_t{1} << (kLayout.exponent_bits + kLayout.mantissa_bits)) - 1);
  const auto& attrs = block.op->instruction->attrs<ReducePrecisionAttrs>();
  const auto exponent_bits = static_cast<int>(std::clamp<int64_t>(attrs.exponent_bits, 1, 64));
  const auto mantissa_bits = static_cast<int>(std::clamp<int64_t>(attrs.mantissa_bits, 0, 64));
  const auto* x = static_cast<const Bits*>(block.in[0]);
  auto* out = static_cast<Bits*>(block.out);
  for (size_t i = 0; i < block.n; ++i) {
    const auto magnitude = static_cast<Bits>(x[i] & kMagnitude);
    const bool is_finite = magnitude < kLayout.infinity;
    out[i] = is_finite ? static_cast<Bits>((x[i] & ~kMagnitude) |
                                           reduced_magnitude(magnitude, kLayout, exponent_bits, mantissa_bits))
                       : x[i];
  }
}

void resolve_reduce_precision(PointwiseOp& op) {
  op.as_stored = true;
  with_storage(op.operands[0], [&]<class T>() {
    if constexpr (Real<T> || std::is_class_v<T>) {
      if constexpr (!Complex<T>) op.loop = reduce_precision_loop<T>;
    }
  });
}

// ---- stochastic-convert -----------------------------------------------------------------------------------------

// Rounds |x| up with the probability of its fraction: where the random bits, as a fraction, are below it. Clamps to
// the integers of `bits` bits; NaN is 0.
template <Integer To, std::unsigned_integral Random>
To stochastic_integer(double x, Random random, int bits) {
  const int unused = static_cast<int>(sizeof(To)) * 8 - bits;
  constexpr auto kMax = std::numeric_limits<To>::max();
  constexpr auto kMin = std::numeric_limits<To>::min();
  if (std::isnan(x)) return 0;
  if (x >= static_cast<double>(kMax >> unused)) return static_cast<To>(kMax >> unused);
  if (x <= static_cast<double>(kMin >> unused)) return static_cast<To>(kMin >> unused);
  const double magnitude = std::abs(x);
  auto whole = static_cast<uint64_t>(magnitude);
  const double fraction = magnitude - static_cast<double>(whole);
  if (static_cast<double>(random) < std::ldexp(fraction, std::numeric_limits<Random>::digits)) ++whole;
  return static_cast<To>(x < 0 ? 0 - whole : whole);
}

// Adds random bits below the last bit that the narrow type keeps, then truncates.
template <std::unsigned_integral Random>
float stochastic_float(float x, Random random, int mantissa_bits) {
  const int dropped = 23 - mantissa_bits;
  if (!(std::abs(x) <= std::numeric_limits<float>::max())) return x;
  const auto noise = static_cast<uint32_t>(random >> std::max(std::numeric_limits<Random>::digits - dropped, 0));
  return std::bit_cast<float>((std::bit_cast<uint32_t>(x) + noise) >> dropped << dropped);
}

template <Real T, class To, std::unsigned_integral Random>
void stochastic_elements(const Block& block) {
  const T* x = static_cast<const T*>(block.in[0]);
  const Random* random = static_cast<const Random*>(block.in[1]);
  for (size_t i = 0; i < block.n; ++i) {
    if constexpr (Integer<To>) {
      static_cast<To*>(block.out)[i] = stochastic_integer<To>(x[i], random[i], bits_of(block.op->result));
    } else {
      const float rounded = stochastic_float(static_cast<float>(x[i]), random[i], To::format.mantissa_bits);
      static_cast<float*>(block.out)[i] = rounded;
    }
  }
}

template <Real T>
void stochastic_loop(const Block& block) {
  with_integer(block.op->operands[1], [&]<class Random>() {
    if constexpr (std::is_unsigned_v<Random>) {
      if (block.op->result == DType::bf16) return stochastic_elements<T, BF16, Random>(block);
      if (block.op->result == DType::f16) return stochastic_elements<T, F16, Random>(block);
      with_integer(block.op->result, [&]<class To>() { stochastic_elements<T, To, Random>(block); });
    }
  });
}

void resolve_stochastic_convert(PointwiseOp& op) {
  const bool fits = is_floating(op.operands[0]) && is_unsigned_int(op.operands[1]) &&
                    (is_integer(op.result) || op.result == DType::bf16 || op.result == DType::f16);
  if (!fits) {
    throw evaluation_error(*op.instruction, "no rounding from " + std::string(name_of(op.operands[0])) + " to " +
                                                std::string(name_of(op.result)));
  }
  op.loop = op.operands[0] == DType::f64 ? stochastic_loop<double> : stochastic_loop<float>;
}

}  // namespace

void resolve_special(PointwiseOp& op) {
  static constexpr Loops kClamp = loops<3, Clamp>();
  switch (op.instruction->op()) {
    case Op::clamp:
      op.loop = kClamp.for_type(op.operands[0]);
      break;
    case Op::compare:
      resolve_compare(op);
      break;
    case Op::convert:
      resolve_convert(op);
      break;
    case Op::copy:
    case Op::bitcast_convert:
      op.as_stored = true;
      op.loop = copy_loop;
      break;
    case Op::reduce_precision:
      resolve_reduce_precision(op);
      break;
    case Op::select:
      resolve_select(op);
      break;
    case Op::stochastic_convert:
      resolve_stochastic_convert(op);
      break;
    default:
      break;
  }
}

}  // namespace gshard
