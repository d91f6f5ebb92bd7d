// Functions of floats in compiled loops, against long double over numbers of every size.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "backend/cpu/executable.h"
#include "equals_evaluator.h"
#include "text/parse.h"

namespace gshard {
namespace {

constexpr int64_t kSamples = 1 << 19;

// Every so-manieth f32, of both signs, infinities and NaN among them.
Literal samples() {
  Literal values = Literal::uninitialized(Shape(DType::f32, {kSamples}));
  const auto to = values.mutable_values<float>();
  for (int64_t i = 0; i < kSamples; ++i) to[i] = std::bit_cast<float>(static_cast<uint32_t>(i * 8191));
  to[0] = 0;
  to[1] = -0.0F;
  to[2] = INFINITY;
  to[3] = -INFINITY;
  to[4] = NAN;
  return values;
}

// The distance of two floats above and below a size.
double last_place(long double x) {
  const int exponent = std::max(std::ilogb(static_cast<double>(x)), -126);
  return std::ldexp(1.0, exponent - 23);
}

struct Function {
  std::string op;
  double ulps;
  long double (*truth)(long double);
};

std::ostream& operator<<(std::ostream& out, const Function& f) { return out << f.op; }

class MathFunction : public testing::TestWithParam<Function> {};

TEST_P(MathFunction, IsAccurate) {
  const Function& f = GetParam();
  const auto module = parse_module(fmt::format(
      "HloModule m\nENTRY e {{\n  x = f32[{0}] parameter(0)\n  ROOT y = f32[{0}] {1}(x)\n}}\n", kSamples, f.op));
  const Literal x = samples();
  const Literal y = cpu::Executable::compile(*module)->run({x});
  double worst = 0;
  float worst_at = 0;
  for (int64_t i = 0; i < kSamples; ++i) {
    const float at = x.values<float>()[i];
    const float got = y.values<float>()[i];
    if (std::isnan(at) || std::fpclassify(at) == FP_SUBNORMAL) continue;
    const long double truth = f.truth(at);
    if (std::isnan(truth)) {
      EXPECT_TRUE(std::isnan(got)) << at;
    } else if (std::abs(truth) > std::numeric_limits<float>::max()) {
      EXPECT_EQ(got, static_cast<float>(truth)) << at;
    } else if (std::abs(truth) < std::numeric_limits<float>::min()) {
      EXPECT_LE(std::abs(got), std::numeric_limits<float>::min()) << at;
    } else if (const double error = static_cast<double>(std::abs(got - truth)) / last_place(truth); !(error <= worst)) {
      worst = error;
      worst_at = at;
    }
  }
  RecordProperty("ulps", fmt::format("{:.3f}", worst));
  EXPECT_LE(worst, f.ulps) << "at " << worst_at;
}

TEST_P(MathFunction, KeepsNan) {
  const auto module = parse_module(fmt::format(
      "HloModule m\nENTRY e {{\n  x = f32[64] parameter(0)\n  ROOT y = f32[64] {}(x)\n}}\n", GetParam().op));
  Literal x = Literal::uninitialized(Shape(DType::f32, {64}));
  for (int i = 0; i < 64; ++i) {
    const uint32_t payload = i < 32 ? 1U << (i % 23) : 0x400000U >> (i % 23);
    x.mutable_values<float>()[i] = std::bit_cast<float>(0x7f800000U | payload | (i % 2 == 0 ? 0x80000000U : 0U));
  }
  const Literal y = cpu::Executable::compile(*module)->run({x});
  for (float got : y.values<float>()) EXPECT_TRUE(std::isnan(got));
}

long double logistic(long double x) { return 1 / (1 + std::exp(-x)); }
long double rsqrt(long double x) { return 1 / std::sqrt(x); }

INSTANTIATE_TEST_SUITE_P(All, MathFunction,
                         testing::Values(Function{"exponential", 1.0, std::exp}, Function{"log", 1.0, std::log},
                                         Function{"tanh", 2.2, std::tanh}, Function{"erf", 1.0, std::erf},
                                         Function{"logistic", 2.0, logistic}, Function{"rsqrt", 1.5, rsqrt},
                                         Function{"exponential-minus-one", 2.0, std::expm1},
                                         Function{"log-plus-one", 2.0, std::log1p}, Function{"sine", 1.0, std::sin},
                                         Function{"cosine", 1.0, std::cos}),
                         [](const auto& info) {
                           std::string name = info.param.op;
                           std::erase(name, '-');
                           return name;
                         });

// LLVM takes comparisons of |x| with zero for comparisons of x, which they are not.
TEST(MathFunctions, ExtremaOfAbsoluteValues) {
  for (const std::string type : {"f32", "f64", "bf16"}) {
    for (const std::string value : {"maximum(a, c)", "maximum(c, a)", "minimum(a, c)", "minimum(c, a)",
                                    "clamp(c, a, d)", "clamp(a, c, d)", "clamp(c, d, a)"}) {
      for (const std::string number : {"0", "-0", "1", "inf", "nan"}) {
        const auto module = parse_module(fmt::format(R"(HloModule m
ENTRY e {{
  x = {0}[9] constant({{0, -0, 0.5, -0.5, 3, -3, inf, -inf, nan}})
  p = {0}[9] parameter(0)
  y = {0}[9] add(x, p)
  a = {0}[9] abs(y)
  n = {0}[] constant({1})
  c = {0}[9] broadcast(n), dimensions={{}}
  two = {0}[] constant(2)
  d = {0}[9] broadcast(two), dimensions={{}}
  ROOT r = {0}[9] {2}
}}
)",
                                                     type, number, value));
        const Literal zeros(Shape(module->entry()->parameter(0)->shape()));
        EXPECT_EQ(difference_from_evaluator(*module, std::vector<Literal>{zeros}), "")
            << type << " " << value << " " << number;
      }
    }
  }
}

// By name, and by bits.
TEST(MathFunctions, SelectionsOfAbsoluteValues) {
  constexpr const char* kByBits = R"(  bits = u32[50] bitcast-convert(x)
  mask = u32[] constant(2147483647)
  masks = u32[50] broadcast(mask), dimensions={}
  without_sign = u32[50] and(bits, masks)
  a = f32[50] bitcast-convert(without_sign)
)";
  for (const char* absolute : {"  a = f32[50] abs(x)\n", kByBits}) {
    expect_equals_evaluator(fmt::format(R"(HloModule m
ENTRY e {{
  x = f32[50] parameter(0)
{}  zero = f32[] constant(0)
  zeros = f32[50] broadcast(zero), dimensions={{}}
  above = pred[50] compare(a, zeros), direction=GT
  s = f32[50] select(above, a, zeros)
  is_nan = pred[50] compare(x, x), direction=NE
  ROOT r = f32[50] select(is_nan, a, s)
}}
)",
                                        absolute));
  }
}

}  // namespace
}  // namespace gshard
