// Floating-point numbers of 16 bits and fewer: bf16, f16, the f8 family, f4e2m1fn and f8e8m0fnu.
//
//   BF16 x(1.0f / 3);                  // rounds to nearest, ties to even
//   float y = static_cast<float>(x);   // exact
//
// A SmallFloat is only storage; arithmetic is done in float or double and rounded back. What the formats cannot hold
// follows their specifications: overflow gives infinity where there is one, else NaN, else the largest value.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace gshard {

// Which codes are no finite numbers.
enum class SmallFloatSpecials : uint8_t {
  ieee,            // the highest exponent holds infinity and NaN
  nan_all_ones,    // "fn": only the all-ones code (with either sign) is NaN; no infinity
  nan_minus_zero,  // "fnuz": only the code of -0 is NaN; no infinity, no -0
  none,            // every code is a number; overflow saturates, NaN becomes a zero of the other sign
  scale,           // f8e8m0fnu: an exponent without sign, mantissa and zero; all ones is NaN
};

struct SmallFloatFormat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  SmallFloatSpecials specials;

  constexpr bool has_sign() const { return specials != SmallFloatSpecials::scale; }
  constexpr uint32_t sign_mask() const { return has_sign() ? 1U << (exponent_bits + mantissa_bits) : 0; }
  constexpr uint32_t magnitude_mask() const { return (1U << (exponent_bits + mantissa_bits)) - 1; }
  constexpr uint32_t infinity() const { return ((1U << exponent_bits) - 1) << mantissa_bits; }
  // The largest finite magnitude.
  constexpr uint32_t largest() const {
    switch (specials) {
      case SmallFloatSpecials::ieee:
        return infinity() - 1;
      case SmallFloatSpecials::nan_all_ones:
      case SmallFloatSpecials::scale:
        return magnitude_mask() - 1;
      default:
        return magnitude_mask();
    }
  }
  constexpr uint32_t nan(uint32_t sign) const {
    switch (specials) {
      case SmallFloatSpecials::ieee:
        return sign | infinity() | (1U << (mantissa_bits - 1));
      case SmallFloatSpecials::nan_all_ones:
      case SmallFloatSpecials::scale:
        return sign | magnitude_mask();
      case SmallFloatSpecials::nan_minus_zero:
        return sign_mask();
      default:
        return sign ^ sign_mask();
    }
  }
  constexpr uint32_t overflow(uint32_t sign) const {
    if (specials == SmallFloatSpecials::ieee) return sign | infinity();
    return specials == SmallFloatSpecials::none ? sign | largest() : nan(sign);
  }
  constexpr uint32_t zero(uint32_t sign) const { return specials == SmallFloatSpecials::nan_minus_zero ? 0 : sign; }
  constexpr bool is_nan(uint32_t code) const {
    const uint32_t magnitude = code & magnitude_mask();
    switch (specials) {
      case SmallFloatSpecials::ieee:
        return magnitude > infinity();
      case SmallFloatSpecials::nan_all_ones:
      case SmallFloatSpecials::scale:
        return magnitude == magnitude_mask();
      case SmallFloatSpecials::nan_minus_zero:
        return code == sign_mask();
      default:
        return false;
    }
  }
};

namespace small_float {

// Rounds the magnitude of a normal double to the format: nearest, ties to even. Shifting exponent and mantissa joined
// lets a carry run into the exponent, as it should.
constexpr uint32_t round_magnitude(const SmallFloatFormat& format, uint64_t magnitude) {
  constexpr uint64_t kImplicit = uint64_t{1} << 52;
  const int exponent = static_cast<int>(magnitude >> 52) - 1023 + format.bias;
  const int lowest = format.has_sign() ? 1 : 0;  // lowest exponent with an implicit bit
  int shift = 52 - format.mantissa_bits;
  uint64_t code = magnitude % kImplicit;
  if (exponent >= lowest) {
    code |= static_cast<uint64_t>(exponent) << 52;
  } else if (!format.has_sign()) {
    return 0;  // the smallest number: there is no zero
  } else {
    code |= kImplicit;
    shift += lowest - exponent;
    if (shift > 53) return 0;
  }
  // The last bit that is kept; without a mantissa that is the implicit one, so that ties go up.
  const uint64_t odd = format.mantissa_bits == 0 ? 1 : (code >> shift) & 1;
  return static_cast<uint32_t>((code + (uint64_t{1} << (shift - 1)) - 1 + odd) >> shift);
}

constexpr uint32_t encode(const SmallFloatFormat& format, double value) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  constexpr uint64_t kInfinity = uint64_t{2047} << 52;
  const auto bits = std::bit_cast<uint64_t>(value);
  const uint64_t magnitude = bits & ~kSign;
  const uint32_t sign = (bits & kSign) != 0 ? format.sign_mask() : 0;
  if (magnitude > kInfinity) return format.nan(sign);
  if (!format.has_sign() && (bits == 0 || (bits & kSign) != 0)) return format.nan(0);
  if (magnitude == kInfinity) return format.overflow(sign);
  // A subnormal double is below half of every format's smallest number.
  if (magnitude >> 52 == 0) return format.zero(sign);
  const uint32_t rounded = round_magnitude(format, magnitude);
  if (rounded > format.largest()) return format.overflow(sign);
  return rounded == 0 && format.has_sign() ? format.zero(sign) : sign | rounded;
}

// encode() for float without branches, so that loops of it become vectors. Not for f8e8m0fnu.
constexpr uint32_t encode_float(const SmallFloatFormat& format, float value) {
  const int dropped = 23 - format.mantissa_bits;
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 31 << (format.exponent_bits + format.mantissa_bits);
  const uint32_t magnitude = bits & 0x7fffffffU;
  // Rounds the mantissa; a carry runs into the exponent, as it should.
  const uint32_t odd = (magnitude >> dropped) & 1;
  const uint32_t rebias = static_cast<uint32_t>(127 - format.bias) << 23;
  const uint32_t normal = (magnitude - rebias + (1U << (dropped - 1)) - 1 + odd) >> dropped;
  // Adding a number whose last bit is worth the smallest subnormal one rounds to subnormals.
  const uint32_t aligner = static_cast<uint32_t>(127 + 1 - format.bias - format.mantissa_bits + 23) << 23;
  const float aligned = std::bit_cast<float>(magnitude) + std::bit_cast<float>(aligner);
  const uint32_t subnormal = std::bit_cast<uint32_t>(aligned) - aligner;
  const bool is_subnormal = magnitude < rebias + (1U << 23);
  const uint32_t rounded = is_subnormal ? subnormal : normal;
  const uint32_t number = rounded == 0 ? format.zero(sign) : sign | rounded;
  // The comparison is of floats, where the magnitude of an overflow may have any exponent.
  const bool is_too_large = magnitude >= 0x7f800000U || (!is_subnormal && rounded > format.largest());
  const uint32_t finite = is_too_large ? format.overflow(sign) : number;
  return magnitude > 0x7f800000U ? format.nan(sign) : finite;
}

constexpr double decode(const SmallFloatFormat& format, uint32_t code) {
  const bool negative = (code & format.sign_mask()) != 0;
  const uint32_t magnitude = code & format.magnitude_mask();
  double value = 0;
  if (format.is_nan(code)) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (format.specials == SmallFloatSpecials::ieee && magnitude == format.infinity()) {
    value = std::numeric_limits<double>::infinity();
  } else {
    const uint32_t exponent = magnitude >> format.mantissa_bits;
    const uint32_t fraction = magnitude & ((1U << format.mantissa_bits) - 1);
    const bool normal = exponent > 0 || format.specials == SmallFloatSpecials::scale;
    const int64_t power = static_cast<int64_t>(normal ? exponent : 1) - format.bias - format.mantissa_bits;
    const double significand = static_cast<double>(fraction + (normal ? 1U << format.mantissa_bits : 0));
    value = significand * std::bit_cast<double>(static_cast<uint64_t>(power + 1023) << 52);
  }
  if (!negative) return value;
  return std::bit_cast<double>(std::bit_cast<uint64_t>(value) | (uint64_t{1} << 63));
}

// The value of every code of a format of up to 8 bits.
constexpr std::array<float, 256> decode_table(const SmallFloatFormat& format) {
  std::array<float, 256> table{};
  const uint32_t used = format.sign_mask() | format.magnitude_mask();
  for (uint32_t code = 0; code < 256; ++code) table[code] = static_cast<float>(decode(format, code & used));
  return table;
}

}  // namespace small_float

template <int ExponentBits, int MantissaBits, int Bias, SmallFloatSpecials Specials>
class SmallFloat {
 public:
  static constexpr SmallFloatFormat format{ExponentBits, MantissaBits, Bias, Specials};
  using Bits =
      std::conditional_t<(ExponentBits + MantissaBits < 8) || Specials == SmallFloatSpecials::scale, uint8_t, uint16_t>;

  SmallFloat() = default;
  constexpr explicit SmallFloat(float value) : bits_(static_cast<Bits>(from_float(value))) {}
  constexpr explicit SmallFloat(double value) : bits_(static_cast<Bits>(small_float::encode(format, value))) {}
  static constexpr SmallFloat from_bits(Bits bits) {
    SmallFloat result;
    result.bits_ = bits;
    return result;
  }

  constexpr Bits bits() const { return bits_; }
  constexpr explicit operator float() const {
    if constexpr (is_bf16()) {
      return std::bit_cast<float>(static_cast<uint32_t>(bits_) << 16);
    } else if constexpr (sizeof(Bits) == 1) {
      return table_[bits_];
    } else {
      return f16_to_float(bits_);
    }
  }
  constexpr explicit operator double() const { return static_cast<double>(static_cast<float>(*this)); }

 private:
  static constexpr bool is_bf16() { return ExponentBits == 8 && MantissaBits == 7; }

  // The exponent moves by a multiplication, which makes subnormals right too; infinity and NaN get the highest one.
  static constexpr float f16_to_float(uint32_t code) {
    const uint32_t magnitude = (code & 0x7fffU) << 13;
    const uint32_t scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
    const uint32_t special = (code & 0x7c00U) == 0x7c00U ? 0x7f800000U : 0;
    return std::bit_cast<float>(scaled | special | (code & 0x8000U) << 16);
  }

  static constexpr uint32_t from_float(float value) {
    if constexpr (is_bf16()) {
      const uint32_t bits = std::bit_cast<uint32_t>(value);
      if ((bits & 0x7fffffffU) > 0x7f800000U) return format.nan(bits >> 31 << 15);
      return (bits + 0x7fffU + ((bits >> 16) & 1)) >> 16;
    } else if constexpr (Specials == SmallFloatSpecials::scale) {
      return small_float::encode(format, static_cast<double>(value));
    } else {
      return small_float::encode_float(format, value);
    }
  }

  static constexpr auto table_ = [] {
    if constexpr (sizeof(Bits) == 1) {
      return small_float::decode_table(format);
    } else {
      return 0;
    }
  }();

  Bits bits_ = 0;
};

using BF16 = SmallFloat<8, 7, 127, SmallFloatSpecials::ieee>;
using F16 = SmallFloat<5, 10, 15, SmallFloatSpecials::ieee>;
using F8E3M4 = SmallFloat<3, 4, 3, SmallFloatSpecials::ieee>;
using F8E4M3 = SmallFloat<4, 3, 7, SmallFloatSpecials::ieee>;
using F8E5M2 = SmallFloat<5, 2, 15, SmallFloatSpecials::ieee>;
using F8E4M3FN = SmallFloat<4, 3, 7, SmallFloatSpecials::nan_all_ones>;
using F8E4M3B11FNUZ = SmallFloat<4, 3, 11, SmallFloatSpecials::nan_minus_zero>;
using F8E4M3FNUZ = SmallFloat<4, 3, 8, SmallFloatSpecials::nan_minus_zero>;
using F8E5M2FNUZ = SmallFloat<5, 2, 16, SmallFloatSpecials::nan_minus_zero>;
using F8E8M0FNU = SmallFloat<8, 0, 127, SmallFloatSpecials::scale>;
using F4E2M1FN = SmallFloat<2, 1, 1, SmallFloatSpecials::none>;

static_assert(sizeof(BF16) == 2 && sizeof(F16) == 2 && sizeof(F8E4M3FN) == 1 && sizeof(F4E2M1FN) == 1);
static_assert(std::is_trivially_copyable_v<F8E8M0FNU>);

}  // namespace gshard
