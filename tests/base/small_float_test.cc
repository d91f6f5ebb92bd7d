// Conversions against the definition: the nearest of all values of the format, the even code where two are as near.
#include "base/small_float.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace gshard {
namespace {

template <class T>
class SmallFloats : public testing::Test {};
using Types = testing::Types<BF16, F16, F8E3M4, F8E4M3, F8E5M2, F8E4M3FN, F8E4M3B11FNUZ, F8E4M3FNUZ, F8E5M2FNUZ,
                             F8E8M0FNU, F4E2M1FN>;
TYPED_TEST_SUITE(SmallFloats, Types);

template <class T>
T code(uint32_t bits) {
  return T::from_bits(static_cast<typename T::Bits>(bits));
}

template <class T>
uint32_t code_count() {
  return (T::format.sign_mask() | T::format.magnitude_mask()) + 1;
}

// The value of a code, from the definition of binary floating point.
template <class T>
double defined_value(uint32_t bits) {
  constexpr SmallFloatFormat f = T::format;
  const auto exponent = static_cast<int>((bits & f.magnitude_mask()) >> f.mantissa_bits);
  const double fraction = std::ldexp(bits & ((1U << f.mantissa_bits) - 1), -f.mantissa_bits);
  const double sign = (bits & f.sign_mask()) != 0 ? -1 : 1;
  if (exponent == 0 && f.has_sign()) return sign * std::ldexp(fraction, 1 - f.bias);
  return sign * std::ldexp(1 + fraction, exponent - f.bias);
}

template <class T>
bool is_special(uint32_t bits) {
  return !std::isfinite(static_cast<float>(code<T>(bits)));
}

TYPED_TEST(SmallFloats, CodesHaveTheirDefinedValues) {
  for (uint32_t bits = 0; bits < code_count<TypeParam>(); ++bits) {
    if (is_special<TypeParam>(bits)) continue;
    EXPECT_EQ(static_cast<float>(code<TypeParam>(bits)), defined_value<TypeParam>(bits)) << bits;
  }
}

TYPED_TEST(SmallFloats, ValuesGoBackToTheirCodes) {
  for (uint32_t bits = 0; bits < code_count<TypeParam>(); ++bits) {
    if (is_special<TypeParam>(bits)) continue;
    const TypeParam x = code<TypeParam>(bits);
    EXPECT_EQ(TypeParam(static_cast<float>(x)).bits(), bits);
    EXPECT_EQ(TypeParam(static_cast<double>(x)).bits(), bits);
  }
}

// Between two neighbours the nearer one is taken, and the one with an even code in the middle.
TYPED_TEST(SmallFloats, RoundToNearestEven) {
  if (!TypeParam::format.has_sign()) GTEST_SKIP() << "has rules of its own";
  for (uint32_t bits = 0; bits < TypeParam::format.largest(); ++bits) {
    const double low = static_cast<double>(code<TypeParam>(bits));
    const double high = static_cast<double>(code<TypeParam>(bits + 1));
    const double middle = (low + high) / 2;
    const uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    EXPECT_EQ(TypeParam(middle).bits(), even) << middle;
    EXPECT_EQ(TypeParam(std::nextafter(middle, low)).bits(), bits) << middle;
    EXPECT_EQ(TypeParam(std::nextafter(middle, high)).bits(), bits + 1) << middle;
    const auto single = static_cast<float>(middle);
    if (single != middle) continue;  // a subnormal of bf16
    EXPECT_EQ(TypeParam(single).bits(), even) << middle;
    EXPECT_EQ(TypeParam(std::nextafter(single, static_cast<float>(low))).bits(), bits) << middle;
    EXPECT_EQ(TypeParam(std::nextafter(single, static_cast<float>(high))).bits(), bits + 1) << middle;
  }
}

TYPED_TEST(SmallFloats, FloatAndDoubleRoundAlike) {
  std::mt19937 random(1);
  for (int i = 0; i < 100000; ++i) {
    const float x = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isnan(x)) continue;
    EXPECT_EQ(TypeParam(x).bits(), TypeParam(static_cast<double>(x)).bits()) << x;
  }
}

TYPED_TEST(SmallFloats, NegativeNumbersMirrorPositiveOnes) {
  if (!TypeParam::format.has_sign()) GTEST_SKIP() << "has no negative numbers";
  std::mt19937 random(2);
  for (int i = 0; i < 10000; ++i) {
    const float x = std::ldexp(static_cast<float>(random()), static_cast<int>(random() % 60) - 60);
    const auto rounded = static_cast<float>(TypeParam(x));
    if (std::isnan(rounded)) continue;
    EXPECT_EQ(static_cast<float>(TypeParam(-x)), -rounded) << x;
  }
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(SmallFloat, OverflowIsInfinityWhereThereIsOne) {
  EXPECT_EQ(static_cast<float>(BF16(3.4e38F)), kInfinity);
  EXPECT_EQ(static_cast<float>(F16(65519.0F)), 65504.0F);
  EXPECT_EQ(static_cast<float>(F16(65520.0F)), kInfinity);
  EXPECT_EQ(static_cast<float>(F16(-1e9)), -kInfinity);
  EXPECT_EQ(static_cast<float>(F8E5M2(61440.0F)), kInfinity);
  EXPECT_EQ(static_cast<float>(F8E5M2(61439.0F)), 57344.0F);
  EXPECT_EQ(static_cast<float>(F8E3M4(100.0F)), kInfinity);
}

TEST(SmallFloat, OverflowIsNanWhereThereIsNoInfinity) {
  EXPECT_EQ(static_cast<float>(F8E4M3FN(464.0F)), 448.0F);
  EXPECT_TRUE(std::isnan(static_cast<float>(F8E4M3FN(465.0F))));
  EXPECT_EQ(F8E4M3FN(kInfinity).bits(), 0x7f);
  EXPECT_EQ(F8E4M3FN(-kInfinity).bits(), 0xff);
  EXPECT_EQ(F8E4M3FNUZ(1e9F).bits(), 0x80);
  EXPECT_EQ(F8E5M2FNUZ(kNan).bits(), 0x80);
  EXPECT_EQ(F8E4M3B11FNUZ(-kInfinity).bits(), 0x80);
}

TEST(SmallFloat, OverflowSaturatesWhereEveryCodeIsANumber) {
  EXPECT_EQ(static_cast<float>(F4E2M1FN(1e9F)), 6.0F);
  EXPECT_EQ(static_cast<float>(F4E2M1FN(-kInfinity)), -6.0F);
  EXPECT_EQ(static_cast<float>(F4E2M1FN(kNan)), 0.0F);
}

TEST(SmallFloat, NanKeepsItsSign) {
  EXPECT_EQ(BF16(-kNan).bits(), 0xffc0);
  EXPECT_EQ(F16(kNan).bits(), 0x7e00);
  EXPECT_TRUE(std::signbit(static_cast<float>(F8E5M2(-kNan))));
  EXPECT_TRUE(std::isnan(static_cast<float>(F8E4M3(kNan))));
}

TEST(SmallFloat, ZeroKeepsItsSignWhereThereAreTwo) {
  EXPECT_EQ(F16(-0.0F).bits(), 0x8000);
  EXPECT_EQ(F16(-1e-30).bits(), 0x8000);
  EXPECT_EQ(F8E4M3FNUZ(-0.0F).bits(), 0);
  EXPECT_EQ(F8E4M3FNUZ(-1e-30F).bits(), 0);
}

// An exponent alone: no zero, no sign, the nearer power of two.
TEST(SmallFloat, ScalesArePowersOfTwo) {
  EXPECT_EQ(F8E8M0FNU(1.0F).bits(), 127);
  EXPECT_EQ(F8E8M0FNU(1.49F).bits(), 127);
  EXPECT_EQ(F8E8M0FNU(1.5F).bits(), 128);
  EXPECT_EQ(F8E8M0FNU(0x1p-127F).bits(), 0);
  EXPECT_EQ(F8E8M0FNU(0x1p127F).bits(), 254);
  for (const float x : {0.0F, -1.0F, kInfinity, kNan}) EXPECT_EQ(F8E8M0FNU(x).bits(), 0xff) << x;
}

}  // namespace
}  // namespace gshard
