// convert, bitcast-convert, reduce-precision, stochastic-convert and iota.
#include <gtest/gtest.h>

#include "eval/elements.h"
#include "run_text.h"

namespace gshard {
namespace {

TEST(Conversion, FloatsToIntegersClampAndTruncate) {
  const std::string x = "f32[8] {1.9, -1.9, 300, -300, 1e20, -1e20, nan, inf}";
  EXPECT_EQ(apply("s8[8] convert", {x}), "{1, -1, 127, -128, 127, -128, 0, 127}");
  EXPECT_EQ(apply("u8[8] convert", {x}), "{1, 0, 255, 0, 255, 0, 0, 255}");
  EXPECT_EQ(apply("s4[8] convert", {x}), "{1, -1, 7, -8, 7, -8, 0, 7}");
  EXPECT_EQ(apply("u2[8] convert", {x}), "{1, 0, 3, 0, 3, 0, 0, 3}");
  EXPECT_EQ(apply("s64[8] convert", {x}),
            "{1, -1, 300, -300, 9223372036854775807, -9223372036854775808, 0, 9223372036854775807}");
  EXPECT_EQ(apply("u64[2] convert", {"f64[2] {18446744073709549568, 1e20}"}),
            "{18446744073709549568, 18446744073709551615}");
}

TEST(Conversion, IntegersWrap) {
  EXPECT_EQ(apply("s8[4] convert", {"s32[4] {127, 128, 255, 256}"}), "{127, -128, -1, 0}");
  EXPECT_EQ(apply("u4[4] convert", {"s32[4] {15, 16, -1, 17}"}), "{15, 0, 15, 1}");
  EXPECT_EQ(apply("s4[3] convert", {"s8[3] {7, 8, -9}"}), "{7, -8, 7}");
  EXPECT_EQ(apply("u32[2] convert", {"s64[2] {-1, 4294967296}"}), "{4294967295, 0}");
}

TEST(Conversion, PredIsNotZero) {
  EXPECT_EQ(apply("pred[5] convert", {"f32[5] {0, -0, 0.1, nan, inf}"}), "{0, 0, 1, 1, 1}");
  EXPECT_EQ(apply("pred[3] convert", {"s32[3] {0, 256, -1}"}), "{0, 1, 1}");
  EXPECT_EQ(apply("f32[2] convert", {"pred[2] {true, false}"}), "{1, 0}");
  EXPECT_EQ(apply("pred[2] convert", {"c64[2] {(0, 0), (0, 1)}"}), "{0, 1}");
}

TEST(Conversion, RoundsOnce) {
  // 2^24 + 1 and 2^24 + 3 lie in the middle of two floats; the even one is taken.
  EXPECT_EQ(apply("f32[2] convert", {"s32[2] {16777217, 16777219}"}), "{16777216, 16777220}");
  // Rounded by way of f32 this would be 1.
  EXPECT_EQ(apply("bf16[1] convert", {"f64[1] {1.00390625001}"}), "{1.008}");
  EXPECT_EQ(apply("f16[2] convert", {"f32[2] {2049, 70000}"}), "{2048, inf}");
  EXPECT_EQ(apply("f8e4m3fn[2] convert", {"f32[2] {17, 19}"}), "{16, 20}");
}

TEST(Conversion, Complex) {
  EXPECT_EQ(apply("c64[2] convert", {"f32[2] {1, -2}"}), "{(1, 0), (-2, 0)}");
  EXPECT_EQ(apply("c128[1] convert", {"c64[1] {(1, 2)}"}), "{(1, 2)}");
  EXPECT_EQ(apply("c64[1] convert", {"s8[1] {-3}"}), "{(-3, 0)}");
}

// Every value of every narrow type survives the way to f64 and back.
TEST(Conversion, WideningIsExact) {
  for (const DType type : {DType::f8e3m4, DType::f8e4m3, DType::f8e4m3fn, DType::f8e4m3b11fnuz, DType::f8e4m3fnuz,
                           DType::f8e5m2, DType::f8e5m2fnuz, DType::s8, DType::u8}) {
    std::vector<uint8_t> codes(256);
    for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint8_t>(i);
    const Literal x = literal_of<uint8_t>(Shape(type, {256}), codes);
    for (const DType wide : {DType::f64, DType::f32, DType::bf16}) {
      const Literal back = convert_elements(convert_elements(x, wide), type);
      const Literal values = convert_elements(x, DType::f64);
      for (size_t i = 0; i < codes.size(); ++i) {
        if (values.values<double>()[i] != values.values<double>()[i]) continue;  // NaN has many codes
        EXPECT_EQ(back.values<uint8_t>()[i], codes[i]) << name_of(type) << " by way of " << name_of(wide);
      }
    }
  }
}

TEST(Conversion, BitcastOfOneWidth) {
  EXPECT_EQ(apply("u32[2] bitcast-convert", {"f32[2] {1, -0}"}), "{1065353216, 2147483648}");
  EXPECT_EQ(apply("s8[2] bitcast-convert", {"u8[2] {255, 1}"}), "{-1, 1}");
  EXPECT_EQ(apply("s4[3] bitcast-convert", {"u4[3] {15, 8, 7}"}), "{-1, -8, 7}");
  EXPECT_EQ(apply("u4[2] bitcast-convert", {"s4[2] {-1, 7}"}), "{15, 7}");
}

TEST(Conversion, BitcastOfOtherWidths) {
  EXPECT_EQ(apply("u8[1,4] bitcast-convert", {"u32[1] {67305985}"}), "{ { 1, 2, 3, 4 } }");
  EXPECT_EQ(apply("u32[1] bitcast-convert", {"u8[1,4] {{1, 2, 3, 4}}"}), "{67305985}");
  EXPECT_EQ(apply("u4[2,2] bitcast-convert", {"u8[2] {33, 244}"}), "{ { 1, 2 }, { 4, 15 } }");
  EXPECT_EQ(apply("u8[2] bitcast-convert", {"u4[2,2] {{1, 2}, {4, 15}}"}), "{33, 244}");
  EXPECT_EQ(apply("s16[1,4] bitcast-convert", {"u64[1] {18446462598732840961}"}), "{ { 1, 0, 0, -1 } }");
}

// An element of pred is 0 or 1, whatever bits it was made of.
TEST(Conversion, BitcastToPred) {
  EXPECT_EQ(apply("pred[4] bitcast-convert", {"u8[4] {0, 1, 2, 255}"}), "{0, 1, 1, 1}");
  EXPECT_EQ(apply("pred[1,2] bitcast-convert", {"u16[1] {512}"}), "{ { 0, 1 } }");
  EXPECT_EQ(apply("pred[4] bitcast", {"u8[4] {0, 1, 2, 255}"}), "{0, 1, 1, 1}");
  const std::string number =
      "number { b = u8[] parameter(0)  p = pred[] bitcast-convert(b)  ROOT n = s32[] convert(p) }\n";
  EXPECT_EQ(value_of("  x = u8[4] constant({0, 1, 2, 255})\n  ROOT y = s32[4] map(x), dimensions={0}, to_apply=number",
                     number),
            "{0, 1, 1, 1}");
}

TEST(Conversion, ReducePrecision) {
  const auto reduced = [](const std::string& x, const std::string& bits) {
    return apply(x.substr(0, x.find(' ')) + " reduce-precision", {x}, bits);
  };
  // As bf16: ties to even, and a carry into the exponent.
  EXPECT_EQ(reduced("f32[3] {1.00390625, 1.01171875, 1.999}", "exponent_bits=8, mantissa_bits=7"), "{1, 1.015625, 2}");
  // As f16: too large is infinite, too small is zero with its sign.
  EXPECT_EQ(reduced("f32[4] {65504, 65520, -1e-6, 1e9}", "exponent_bits=5, mantissa_bits=10"), "{65504, inf, -0, inf}");
  EXPECT_EQ(reduced("f32[3] {nan, -inf, 0.1}", "exponent_bits=2, mantissa_bits=0"), "{nan, -inf, 0}");
  EXPECT_EQ(reduced("f64[1] {1.1}", "exponent_bits=11, mantissa_bits=52"), "{1.1}");
  EXPECT_EQ(reduced("bf16[1] {3.140625}", "exponent_bits=8, mantissa_bits=2"), "{3}");
}

TEST(Conversion, StochasticRoundsUpWithTheProbabilityOfTheFraction) {
  // 2.25 is rounded up where the random bits are below a quarter.
  EXPECT_EQ(apply("s32[3] stochastic-convert", {"f32[3] {2.25, 2.25, -2.25}", "u32[3] {1073741823, 1073741824, 0}"}),
            "{3, 2, -3}");
  EXPECT_EQ(apply("s8[4] stochastic-convert", {"f32[4] {1000, -1000, nan, 5}", "u32[4] {0, 0, 0, 4294967295}"}),
            "{127, -128, 0, 5}");
  // Between 1 and 1.0078125 the quarter lies at 1.001953125.
  EXPECT_EQ(
      apply("bf16[2] stochastic-convert", {"f32[2] {1.001953125, 1.001953125}", "u32[2] {4294967295, 3000000000}"}),
      "{1.008, 1}");
}

TEST(Conversion, Iota) {
  EXPECT_EQ(value_of("  ROOT x = s32[2,3] iota(), iota_dimension=1"), "{ { 0, 1, 2 }, { 0, 1, 2 } }");
  EXPECT_EQ(value_of("  ROOT x = f32[3,2] iota(), iota_dimension=0"), "{ { 0, 0 }, { 1, 1 }, { 2, 2 } }");
  EXPECT_EQ(value_of("  ROOT x = u2[6] iota(), iota_dimension=0"), "{0, 1, 2, 3, 0, 1}");
  EXPECT_EQ(value_of("  ROOT x = c64[2] iota(), iota_dimension=0"), "{(0, 0), (1, 0)}");
  EXPECT_EQ(run("  ROOT x = s32[0,4] iota(), iota_dimension=1").shape().element_count(), 0);
}

}  // namespace
}  // namespace gshard
