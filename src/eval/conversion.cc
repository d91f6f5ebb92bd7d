// Ops that change the type or the precision of elements, and iota.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "eval/dispatch.h"
#include "eval/elements.h"
#include "eval/pointwise.h"

namespace gshard {
namespace {

// ---- reduce-precision -------------------------------------------------------------------------------------------

// Rounds to a format of fewer bits, whose numbers are the type's own: nearest, ties to even; what is too large becomes
// infinite, what is below the smallest normal number zero.
template <Real T>
T reduce_precision(T x, int exponent_bits, int mantissa_bits) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
  constexpr int kExponentBits = static_cast<int>(sizeof(T)) * 8 - 1 - kMantissa;
  constexpr Bits kSign = Bits{1} << (sizeof(T) * 8 - 1);
  if (!(std::abs(x) <= std::numeric_limits<T>::max())) return x;
  Bits bits = std::bit_cast<Bits>(x);
  const Bits sign = bits & kSign;
  bits &= ~kSign;
  if (const int dropped = kMantissa - mantissa_bits; dropped > 0) {
    const Bits odd = (bits >> dropped) & 1;
    bits = (bits + (Bits{1} << (dropped - 1)) - 1 + odd) >> dropped << dropped;
  }
  if (exponent_bits < kExponentBits) {
    const Bits bias = (Bits{1} << (kExponentBits - 1)) - 1;
    const Bits reduced_bias = (Bits{1} << (exponent_bits - 1)) - 1;
    const Bits exponent = bits >> kMantissa;
    if (exponent > bias + reduced_bias) bits = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
    if (exponent <= bias - reduced_bias) bits = 0;
  }
  return std::bit_cast<T>(sign | bits);
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

// Adds random bits below the last bit that bf16 or f16 keeps, then truncates.
template <class To, std::unsigned_integral Random>
To stochastic_float(float x, Random random) {
  constexpr int kDropped = 23 - To::format.mantissa_bits;
  if (!(std::abs(x) <= std::numeric_limits<float>::max())) return To(x);
  const auto noise = static_cast<uint32_t>(random >> std::max(std::numeric_limits<Random>::digits - kDropped, 0));
  const uint32_t bits = (std::bit_cast<uint32_t>(x) + noise) >> kDropped << kDropped;
  return To(std::bit_cast<float>(bits));
}

template <class To, class Random>
void stochastic_convert(const Literal& wide, const Literal& random, Literal& result) {
  const std::span<const double> x = wide.values<double>();
  const std::span<const Random> r = random.values<Random>();
  const std::span<To> out = result.mutable_values<To>();
  for (size_t i = 0; i < out.size(); ++i) {
    if constexpr (std::is_integral_v<To>) {
      out[i] = stochastic_integer<To>(x[i], r[i], bits_of(result.shape().type()));
    } else {
      out[i] = stochastic_float<To>(static_cast<float>(x[i]), r[i]);
    }
  }
}

// ---- bitcast-convert --------------------------------------------------------------------------------------------

// The bits of an element as HLO counts them, at the place of its storage.
uint64_t element_bits(const std::byte* at, int bits, size_t bytes) {
  uint64_t value = 0;
  std::memcpy(&value, at, bytes);
  return bits >= 64 ? value : value & ((uint64_t{1} << bits) - 1);
}

// Elements of types of different widths: the lowest bits of a wide element are the first narrow one.
void regroup_bits(const Literal& from, Literal& to) {
  const int from_bits = bits_of(from.shape().type());
  const int to_bits = bits_of(to.shape().type());
  const auto from_bytes = static_cast<size_t>(bytes_of(from.shape().type()));
  const auto to_bytes = static_cast<size_t>(bytes_of(to.shape().type()));
  std::byte* out = to.mutable_bytes();
  const auto count = static_cast<size_t>(std::max(from.shape().element_count(), to.shape().element_count()));
  std::memset(out, 0, static_cast<size_t>(to.byte_size()));
  const bool splits = from_bits > to_bits;
  const auto ratio = static_cast<size_t>(splits ? from_bits / to_bits : to_bits / from_bits);
  const auto narrow_bits = static_cast<size_t>(splits ? to_bits : from_bits);
  for (size_t i = 0; i < count; ++i) {
    const size_t offset = i % ratio * narrow_bits;  // in the wide element
    const size_t wide = i / ratio;
    const std::byte* source = from.bytes() + (splits ? wide * from_bytes + offset / 64 * 8 : i * from_bytes);
    std::byte* target = out + (splits ? i * to_bytes : wide * to_bytes + offset / 64 * 8);
    uint64_t value = element_bits(source, std::min(from_bits, 64), std::min<size_t>(from_bytes, 8));
    uint64_t merged = splits ? value >> (offset % 64) : value << (offset % 64);
    if (splits && narrow_bits < 64) merged &= (uint64_t{1} << narrow_bits) - 1;
    const size_t bytes = std::min<size_t>(to_bytes, 8);
    if (!splits) merged |= element_bits(target, 64, bytes);
    std::memcpy(target, &merged, bytes);
  }
}

}  // namespace

Literal eval_convert(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const DType to = instruction.shape().type();
  if (operands[0].shape().type() == to) return std::move(operands[0]);
  if (is_complex(operands[0].shape().type()) && !is_complex(to)) {
    throw evaluation_error(instruction, "no conversion from " + std::string(name_of(operands[0].shape().type())) +
                                            " to " + std::string(name_of(to)) + "; take the real part");
  }
  return convert_elements(operands[0], to);
}

Literal eval_bitcast_convert(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const Shape& shape = instruction.shape();
  Literal& x = operands[0];
  if (bits_of(x.shape().type()) != bits_of(shape.type())) {
    Literal result = Literal::uninitialized(shape.without_layout());
    regroup_bits(x, result);
    wrap_integers(shape.type(), result.mutable_bytes(), static_cast<size_t>(shape.element_count()));
    return result;
  }
  Literal result = std::move(x).reinterpreted(Shape(shape.type(), shape.dims()));
  if (bits_of(shape.type()) < 8) {
    wrap_integers(shape.type(), result.mutable_bytes(), static_cast<size_t>(shape.element_count()));
  }
  return result;
}

Literal eval_reduce_precision(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& attrs = instruction.attrs<ReducePrecisionAttrs>();
  const auto exponent_bits = static_cast<int>(std::min<int64_t>(attrs.exponent_bits, 64));
  const auto mantissa_bits = static_cast<int>(std::min<int64_t>(attrs.mantissa_bits, 64));
  const DType type = operands[0].shape().type();
  Literal wide = convert_elements(operands[0], compute_type(type));
  operands[0] = Literal();
  with_wide_float(compute_type(type), [&]<class T>() {
    if constexpr (Real<T>) {
      for (T& x : wide.mutable_values<T>()) x = reduce_precision(x, exponent_bits, mantissa_bits);
    }
  });
  return convert_elements(wide, type);
}

Literal eval_stochastic_convert(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const DType to = instruction.shape().type();
  const Literal wide = convert_elements(operands[0], DType::f64);
  Literal result = Literal::uninitialized(Shape(to, wide.shape().dims()));
  with_integer(operands[1].shape().type(), [&]<class Random>() {
    if constexpr (std::is_unsigned_v<Random>) {
      if (to == DType::bf16) return stochastic_convert<BF16, Random>(wide, operands[1], result);
      if (to == DType::f16) return stochastic_convert<F16, Random>(wide, operands[1], result);
      if (!is_integer(to)) throw evaluation_error(instruction, "cannot give " + std::string(name_of(to)));
      with_integer(to, [&]<class To>() { stochastic_convert<To, Random>(wide, operands[1], result); });
    }
  });
  return result;
}

Literal eval_iota(const Instruction& instruction, std::span<Literal>, Evaluator&) {
  const Shape& shape = instruction.shape();
  const auto dimension = static_cast<size_t>(instruction.attrs<IotaAttrs>().iota_dimension);
  const int64_t size = shape.dim(dimension);
  Literal numbers{Shape(DType::s64, {size})};
  const std::span<int64_t> counted = numbers.mutable_values<int64_t>();
  std::iota(counted.begin(), counted.end(), 0);
  numbers = convert_elements(numbers, shape.type());

  Literal result = Literal::uninitialized(shape.without_layout());
  const auto inner = static_cast<size_t>(row_major_strides(shape.dims())[dimension]);
  with_bytes(shape.type(), [&]<class T>() {
    const std::span<const T> values = numbers.values<T>();
    const std::span<T> out = result.mutable_values<T>();
    for (size_t i = 0; i < out.size();) {
      for (const T value : values) {
        std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(i), inner, value);
        i += inner;
      }
    }
  });
  return result;
}

}  // namespace gshard
