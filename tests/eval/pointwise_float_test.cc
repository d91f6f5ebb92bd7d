// Real ops in every float type against functions in double precision, rounded once; and what they do at the edges.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "base/small_float.h"
#include "eval/dispatch.h"
#include "eval/elements.h"
#include "run_text.h"

namespace gshard {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

const std::vector<DType> kTypes = {DType::f64,           DType::f32,        DType::f16,       DType::bf16,
                                   DType::f8e4m3fn,      DType::f8e5m2,     DType::f8e4m3,    DType::f8e3m4,
                                   DType::f8e4m3b11fnuz, DType::f8e4m3fnuz, DType::f8e5m2fnuz};

Literal array_of(DType type, const std::vector<double>& values) {
  return convert_elements(literal_of<double>(Shape(DType::f64, {static_cast<int64_t>(values.size())}), values), type);
}

std::vector<double> numbers_of(const Literal& x) {
  const Literal wide = convert_elements(x, DType::f64);
  return {wide.values<double>().begin(), wide.values<double>().end()};
}

// The numbers that are left of `values` in the type.
std::vector<double> in_type(DType type, const std::vector<double>& values) {
  return numbers_of(array_of(type, values));
}

bool same(double x, double y) { return std::isnan(x) ? std::isnan(y) : x == y && std::signbit(x) == std::signbit(y); }

// The distance allowed beyond correct rounding: none but where f64 functions of different sources differ.
bool close(DType type, double got, double want) {
  if (same(got, want)) return true;
  if (type == DType::f64) return std::abs(got - want) <= 4 * std::numeric_limits<double>::epsilon() * std::abs(want);
  // Rounding a double that is itself rounded may go the other way, by one unit in the last place.
  if (type == DType::f32) return std::abs(got - want) <= std::ldexp(1.0, -23) * std::abs(want);
  return false;
}

// Types narrower than f32 are computed in f32.
double computed(DType type, double x) { return type == DType::f64 ? x : static_cast<float>(x); }

std::string shape_text(DType type, size_t size) {
  return std::string(name_of(type)) + "[" + std::to_string(size) + "]";
}

void expect_unary(const std::string& op, const std::function<double(double)>& meaning,
                  const std::vector<double>& points) {
  for (const DType type : kTypes) {
    const std::vector<double> x = in_type(type, points);
    const std::string shape = shape_text(type, x.size());
    const std::vector<double> got = numbers_of(
        run("  x = " + shape + " parameter(0)\n  ROOT y = " + shape + " " + op + "(x)", "", {array_of(type, x)}));
    std::vector<double> want;
    for (const double point : x) want.push_back(computed(type, meaning(point)));
    want = in_type(type, want);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_TRUE(close(type, got[i], want[i]))
          << shape << " " << op << "(" << x[i] << ") = " << got[i] << ", not " << want[i];
    }
  }
}

void expect_binary(const std::string& op, const std::function<double(double, double)>& meaning,
                   const std::vector<double>& points) {
  for (const DType type : kTypes) {
    std::vector<double> x;
    std::vector<double> y;
    for (const double a : in_type(type, points)) {
      for (const double b : in_type(type, points)) x.push_back(a), y.push_back(b);
    }
    const std::string shape = shape_text(type, x.size());
    const std::vector<double> got = numbers_of(run(
        "  x = " + shape + " parameter(0)\n  y = " + shape + " parameter(1)\n  ROOT z = " + shape + " " + op + "(x, y)",
        "", {array_of(type, x), array_of(type, y)}));
    std::vector<double> want;
    for (size_t i = 0; i < x.size(); ++i) want.push_back(computed(type, meaning(x[i], y[i])));
    want = in_type(type, want);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_TRUE(close(type, got[i], want[i]))
          << shape << " " << op << "(" << x[i] << ", " << y[i] << ") = " << got[i] << ", not " << want[i];
    }
  }
}

const std::vector<double> kPoints = {0.0,  -0.0, 0.1,   -0.1,  0.5,   -0.5,  0.75,      -0.75,      1.0,  -1.0, 1.5,
                                     -1.5, 2.0,  -2.25, 3.125, -4.75, 7.0,   -11.0,     20.0,       -30., 1e-3, -1e-3,
                                     1e-5, 2e-7, 50.0,  -60.0, 100.0, 240.0, kInfinity, -kInfinity, kNan};

TEST(PointwiseFloat, Functions) {
  const std::map<std::string, double (*)(double)> functions = {
      {"acos", std::acos},
      {"acosh", std::acosh},
      {"asin", std::asin},
      {"asinh", std::asinh},
      {"atanh", std::atanh},
      {"cbrt", std::cbrt},
      {"cosine", std::cos},
      {"cosh", std::cosh},
      {"erf", std::erf},
      {"exponential", std::exp},
      {"exponential-minus-one", std::expm1},
      {"log", std::log},
      {"log-plus-one", std::log1p},
      {"sine", std::sin},
      {"sinh", std::sinh},
      {"sqrt", std::sqrt},
      {"tan", std::tan},
      {"tanh", std::tanh},
  };
  for (const auto& [op, function] : functions) expect_unary(op, function, kPoints);
  expect_unary("logistic", [](double x) { return 0.5 + 0.5 * std::tanh(x / 2); }, {0.0, 0.5, -0.5, 2, -2, 10, kNan});
  expect_unary("logistic", [](double x) { return std::exp(x) / (1 + std::exp(x)); }, {-3, -8, -15, -30});
  expect_unary("rsqrt", [](double x) { return std::pow(x, -0.5); }, {0.25, 0.3, 1, 2, 9, 100, kInfinity, kNan});
  expect_unary("rsqrt", [](double x) { return std::signbit(x) ? -kInfinity : kInfinity; }, {0.0});
}

TEST(PointwiseFloat, Rounding) {
  const std::vector<double> points = {0.0,  -0.0, 0.25, 0.5, -0.5,  0.75, 1.5,
                                      -1.5, 2.5,  -2.5, 3.5, -3.75, 100,  kInfinity};
  expect_unary(
      "floor", [](double x) { return std::floor(x); }, points);
  expect_unary(
      "ceil", [](double x) { return std::ceil(x); }, points);
  expect_unary(
      "round-nearest-afz", [](double x) { return std::round(x); }, points);
  expect_unary("round-nearest-even", [](double x) { return x - std::remainder(x, 1.0) + (x == 0 ? x : 0.0); },
               {0.25, 0.75, 1.5, 2.5, 3.5, 6.5});
  EXPECT_EQ(apply("f32[6] round-nearest-even", {"f32[6] {0.5, -0.5, 1.5, 2.5, -2.5, 8388609}"}),
            "{0, -0, 2, 2, -2, 8388609}");
}

TEST(PointwiseFloat, Signs) {
  expect_unary(
      "abs", [](double x) { return std::abs(x); }, kPoints);
  expect_unary(
      "negate", [](double x) { return -x; }, kPoints);
  expect_unary(
      "sign", [](double x) { return x > 0   ? 1
                                    : x < 0 ? -1
                                            : x; }, kPoints);
}

TEST(PointwiseFloat, Arithmetic) {
  expect_binary("add", std::plus<double>(), kPoints);
  expect_binary("subtract", std::minus<double>(), kPoints);
  expect_binary("multiply", std::multiplies<double>(), kPoints);
  expect_binary("divide", std::divides<double>(), kPoints);
  expect_binary(
      "remainder", [](double x, double y) { return std::fmod(x, y); }, kPoints);
  expect_binary(
      "power", [](double x, double y) { return std::pow(x, y); }, kPoints);
  expect_binary(
      "atan2", [](double x, double y) { return std::atan2(x, y); }, kPoints);
}

// NaN wins on either side, and +0 is above -0.
TEST(PointwiseFloat, Extremes) {
  expect_binary(
      "maximum",
      [](double x, double y) {
        if (std::isnan(x) || std::isnan(y)) return kNan;
        return x == 0 && y == 0 ? x + y : std::max(x, y);
      },
      kPoints);
  expect_binary(
      "minimum",
      [](double x, double y) {
        if (std::isnan(x) || std::isnan(y)) return kNan;
        return x == 0 && y == 0 ? -(-x - y) : std::min(x, y);
      },
      kPoints);
}

TEST(PointwiseFloat, Comparisons) {
  const std::string x = "f32[5] {1, nan, -0, inf, 2}";
  const std::string y = "f32[5] {1, nan, 0, 5, 3}";
  const auto compare = [&](const std::string& direction) {
    return apply("pred[5] compare", {x, y}, "direction=" + direction);
  };
  EXPECT_EQ(compare("EQ"), "{1, 0, 1, 0, 0}");
  EXPECT_EQ(compare("NE"), "{0, 1, 0, 1, 1}");
  EXPECT_EQ(compare("LT"), "{0, 0, 0, 0, 1}");
  EXPECT_EQ(compare("LE"), "{1, 0, 1, 0, 1}");
  EXPECT_EQ(compare("GT"), "{0, 0, 0, 1, 0}");
  EXPECT_EQ(compare("GE"), "{1, 0, 1, 1, 0}");
}

// -NaN < -inf < -1 < -0 < 0 < 1 < inf < NaN.
TEST(PointwiseFloat, TotalOrder) {
  for (const std::string type : {"f64", "f32", "bf16", "f16"}) {
    const std::string x = type + "[7] {-nan, -inf, -1, -0, 0, 1, inf}";
    const std::string y = type + "[7] {-inf, -1, -0, 0, 1, inf, nan}";
    EXPECT_EQ(apply("pred[7] compare", {x, y}, "direction=LT, type=TOTALORDER"), "{1, 1, 1, 1, 1, 1, 1}") << type;
    EXPECT_EQ(apply("pred[7] compare", {x, x}, "direction=EQ, type=TOTALORDER"), "{1, 1, 1, 1, 1, 1, 1}") << type;
    EXPECT_EQ(apply("pred[7] compare", {x, y}, "direction=GE, type=TOTALORDER"), "{0, 0, 0, 0, 0, 0, 0}") << type;
  }
}

TEST(PointwiseFloat, IsFinite) {
  EXPECT_EQ(apply("pred[5] is-finite", {"f32[5] {1, inf, -inf, nan, 3e38}"}), "{1, 0, 0, 0, 1}");
  EXPECT_EQ(apply("pred[3] is-finite", {"bf16[3] {1, inf, nan}"}), "{1, 0, 0}");
  EXPECT_EQ(apply("pred[2] is-finite", {"f64[2] {1e308, nan}"}), "{1, 0}");
}

TEST(PointwiseFloat, Clamp) {
  EXPECT_EQ(apply("f32[4] clamp", {"f32[] -1", "f32[4] {-5, 0.5, 5, nan}", "f32[] 1"}), "{-1, 0.5, 1, nan}");
  EXPECT_EQ(apply("bf16[2] clamp", {"bf16[2] {0, 2}", "bf16[2] {1, 1}", "bf16[2] {3, 3}"}), "{1, 2}");
}

TEST(PointwiseFloat, RealAndImaginaryPartsOfReals) {
  EXPECT_EQ(apply("f32[2] real", {"f32[2] {1.5, -0}"}), "{1.5, -0}");
  EXPECT_EQ(apply("f32[2] imag", {"f32[2] {1.5, nan}"}), "{0, 0}");
}

// Each op rounds: in bf16, 256 + 1 is 256, however often it is added.
TEST(PointwiseFloat, NarrowTypesRoundAfterEachOp) {
  EXPECT_EQ(value_of(R"(
  x = bf16[] constant(256)
  one = bf16[] constant(1)
  a = bf16[] add(x, one)
  ROOT b = bf16[] add(a, one))"),
            "256");
  EXPECT_EQ(apply("f16[1] multiply", {"f16[1] {300}", "f16[1] {300}"}), "{inf}");
}

// Blocks of narrow floats are widened apart from each other: no element is lost at their ends.
TEST(PointwiseFloat, LongArrays) {
  for (const std::string type : {"bf16", "f32", "f8e5m2"}) {
    const std::string shape = type + "[1537]";
    const Literal x = convert_elements(run("  ROOT x = s32[1537] iota(), iota_dimension=0"), *dtype_from_name(type));
    const Literal y = run("  x = " + shape + " parameter(0)\n  ROOT y = " + shape + " negate(x)", "", {x});
    const std::vector<double> in = numbers_of(x);
    const std::vector<double> out = numbers_of(y);
    for (size_t i = 0; i < in.size(); ++i) ASSERT_TRUE(same(out[i], -in[i])) << type << " " << i;
  }
}

TEST(PointwiseFloat, EmptyArrays) {
  EXPECT_EQ(
      run("  x = f32[0,3] parameter(0)\n  ROOT y = f32[0,3] exponential(x)", "", {Literal(Shape(DType::f32, {0, 3}))})
          .shape()
          .element_count(),
      0);
}

}  // namespace
}  // namespace gshard
