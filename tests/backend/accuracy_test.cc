// Functions and quotients of which nothing but a bf16 is seen, over all numbers of bf16.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "backend/cpu/executable.h"
#include "base/small_float.h"
#include "text/parse.h"

namespace gshard {
namespace {

constexpr int64_t kNumbers = 1 << 16;

float number_of(int64_t bits) { return static_cast<float>(BF16::from_bits(static_cast<uint16_t>(bits))); }
float rounded(float x) { return static_cast<float>(BF16(x)); }

Literal all_numbers() {
  Literal values = Literal::uninitialized(Shape(DType::bf16, {kNumbers}));
  auto* to = reinterpret_cast<uint16_t*>(values.mutable_bytes());
  for (int64_t i = 0; i < kNumbers; ++i) to[i] = static_cast<uint16_t>(i);
  return values;
}

// A program from bf16 to bf16: `body` computes %y from %x.
std::vector<float> results_of(const std::string& body) {
  const auto module =
      parse_module(fmt::format("HloModule m\nENTRY e {{\n  x = bf16[{0}] parameter(0)\n{1}}}\n", kNumbers, body));
  const Literal y = cpu::Executable::compile(*module)->run({all_numbers()});
  std::vector<float> results;
  const auto* from = reinterpret_cast<const uint16_t*>(y.bytes());
  for (int64_t i = 0; i < kNumbers; ++i) results.push_back(number_of(from[i]));
  return results;
}

// The text with the number of numbers in place of N.
std::string with_size(std::string text) {
  for (size_t at = text.find('N'); at != std::string::npos; at = text.find('N')) {
    text.replace(at, 1, std::to_string(kNumbers));
  }
  return text;
}

struct Function {
  std::string name;
  std::string body;  // with N for the number of numbers
  double (*truth)(double);
  double least;  // below this size of the result only the size is looked at
};

std::ostream& operator<<(std::ostream& out, const Function& f) { return out << f.name; }

class CoarseFunction : public testing::TestWithParam<Function> {};

TEST_P(CoarseFunction, IsAccurateInBf16) {
  const std::vector<float> got = results_of(with_size(GetParam().body));
  double worst = 0;
  float worst_at = 0;
  for (int64_t i = 0; i < kNumbers; ++i) {
    const float x = number_of(i);
    if (std::fpclassify(x) == FP_SUBNORMAL) continue;
    const double truth = GetParam().truth(x);
    const double result = got[static_cast<size_t>(i)];
    if (std::isnan(truth)) {
      EXPECT_TRUE(std::isnan(result)) << x;
    } else if (std::abs(truth) < GetParam().least) {
      EXPECT_LE(std::abs(result), 2 * GetParam().least) << x;
    } else if (std::abs(truth) >= 0x1.ffp127) {
      EXPECT_GE(std::abs(result), 0x1.fcp127) << x;
    } else {
      const double error = std::abs(result - truth) / std::ldexp(1.0, std::ilogb(truth) - 7);
      if (!(error <= worst)) {
        worst = error;
        worst_at = x;
      }
    }
  }
  EXPECT_LE(worst, 0.75) << "at " << worst_at;
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double silu(double x) { return x == -INFINITY ? NAN : x * logistic(x); }
double gelu(double x) { return x == -INFINITY ? NAN : x / 2 * std::erfc(-x * M_SQRT1_2); }

std::string in_f32(const std::string& body) {
  return "  w = f32[N] convert(x)\n  one = f32[] constant(1)\n  ones = f32[N] broadcast(one), dimensions={}\n" + body +
         "  ROOT r = bf16[N] convert(y)\n";
}

INSTANTIATE_TEST_SUITE_P(
    All, CoarseFunction,
    testing::Values(Function{"tanh", "  ROOT y = bf16[N] tanh(x)\n", std::tanh, 0x1p-125},
                    Function{"exponential", "  ROOT y = bf16[N] exponential(x)\n", std::exp, 0x1p-126},
                    Function{"logistic", "  ROOT y = bf16[N] logistic(x)\n", logistic, 0x1p-120},
                    Function{"silu", in_f32("  l = f32[N] logistic(w)\n  y = f32[N] multiply(w, l)\n"), silu, 0x1p-100},
                    // Smaller ones f32 has none of: 1 + erf(x) is rounded.
                    Function{"gelu",
                             in_f32("  c = f32[] constant(0.70710678118)\n  cs = f32[N] broadcast(c), dimensions={}\n"
                                    "  half = f32[] constant(0.5)\n  halves = f32[N] broadcast(half), dimensions={}\n"
                                    "  s = f32[N] multiply(w, cs)\n  f = f32[N] erf(s)\n  p = f32[N] add(f, ones)\n"
                                    "  h = f32[N] multiply(w, halves)\n  y = f32[N] multiply(h, p)\n"),
                             gelu, 1e-7}),
    [](const auto& info) { return info.param.name; });

// Squares double the error of what they are of.
TEST(CoarseFunction, ErrorsDoNotAddUp) {
  const std::string body = in_f32(
      "  a = f32[N] logistic(w)\n  b = f32[N] multiply(a, a)\n  c = f32[N] multiply(b, b)\n"
      "  d = f32[N] multiply(c, c)\n  y = f32[N] multiply(d, d)\n");
  const std::vector<float> got = results_of(with_size(body));
  for (int64_t i = 0; i < kNumbers; ++i) {
    const float x = number_of(i);
    const double truth = std::pow(logistic(x), 16);
    if (!(truth > 0x1p-100)) continue;
    EXPECT_LE(std::abs(got[static_cast<size_t>(i)] - truth) / std::ldexp(1.0, std::ilogb(truth) - 7), 0.75) << x;
  }
}

// What cancels needs all bits of the function.
TEST(CoarseFunction, IsNoneWhereNumbersCancel) {
  const std::string body = in_f32("  t = f32[N] tanh(w)\n  y = f32[N] subtract(ones, t)\n");
  const std::vector<float> got = results_of(with_size(body));
  for (int64_t i = 0; i < kNumbers; ++i) {
    const float x = number_of(i);
    if (!(std::abs(x) < 4)) continue;
    const double truth = 1 - std::tanh(static_cast<double>(x));
    EXPECT_NEAR(got[static_cast<size_t>(i)], truth, 0x1p-8 * truth) << x;
  }
}

class QuotientByOneNumber : public testing::TestWithParam<float> {
 protected:
  static std::string of(const std::string& type, const std::string& x) {
    return fmt::format(
        "  c = {0}[] constant({1})\n  cs = {0}[N] broadcast(c), dimensions={{}}\n  q = {0}[N] divide({2}, cs)\n", type,
        GetParam(), x);
  }
};

// No quotient of two bf16 is so near to the middle between two others that an f32's last places matter.
TEST_P(QuotientByOneNumber, IsRoundedInBf16) {
  const std::vector<float> got = results_of(with_size(of("bf16", "x") + "  ROOT y = bf16[N] copy(q)\n"));
  for (int64_t i = 0; i < kNumbers; ++i) {
    const float x = number_of(i);
    const float truth = x / GetParam();
    if (std::isnan(truth)) {
      EXPECT_TRUE(std::isnan(got[static_cast<size_t>(i)])) << x;
    } else if (std::fpclassify(truth) != FP_SUBNORMAL) {
      EXPECT_EQ(got[static_cast<size_t>(i)], rounded(truth)) << x;
    }
  }
}

// An ulp less than an integer is another integer.
TEST_P(QuotientByOneNumber, IsRoundedBelowJumps) {
  const std::vector<float> got = results_of(with_size(in_f32(of("f32", "w") + "  y = f32[N] floor(q)\n")));
  for (int64_t i = 0; i < kNumbers; ++i) {
    const float x = number_of(i);
    const float quotient = x / GetParam();
    if (std::isnan(quotient) || (std::abs(quotient) < 0x1p-126F && x != 0)) continue;
    EXPECT_EQ(got[static_cast<size_t>(i)], rounded(std::floor(quotient))) << x;
  }
}

// Where it cancels, what is left is as good as f32 is.
TEST_P(QuotientByOneNumber, IsNearWhereNumbersCancel) {
  const std::vector<float> got = results_of(with_size(in_f32(of("f32", "w") + "  y = f32[N] subtract(q, ones)\n")));
  for (int64_t i = 0; i < kNumbers; ++i) {
    const double quotient = static_cast<double>(number_of(i)) / GetParam();
    if (!(std::abs(quotient) < 0x1p100)) continue;
    const double truth = quotient - 1;
    EXPECT_NEAR(got[static_cast<size_t>(i)], truth, 0x1p-8 * std::abs(truth) + 0x1p-22) << number_of(i);
  }
}

// 49 times the f32 beside 1/49 is less than 1; the last is among those whose reciprocal is subnormal.
INSTANTIATE_TEST_SUITE_P(All, QuotientByOneNumber, testing::Values(3.0F, 49.0F, -0.7109375F, 0x1.8p-100F, 0x1.9p127F));

}  // namespace
}  // namespace gshard
