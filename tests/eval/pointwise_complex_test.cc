// Complex ops against identities and std::complex in double precision.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <functional>

#include "eval/elements.h"
#include "run_text.h"

namespace gshard {
namespace {

using Complex128 = std::complex<double>;

const std::vector<Complex128> kPoints = {{0.5, 0.25},  {-0.5, 1}, {1.5, -2}, {-3, -0.5},
                                         {0.01, 0.02}, {2, 0},    {0, -1.5}};

Literal array_of(DType type, const std::vector<Complex128>& values) {
  return convert_elements(literal_of<Complex128>(Shape(DType::c128, {static_cast<int64_t>(values.size())}), values),
                          type);
}

std::vector<Complex128> numbers_of(const Literal& x) {
  const Literal wide = convert_elements(x, DType::c128);
  return {wide.values<Complex128>().begin(), wide.values<Complex128>().end()};
}

double tolerance(DType type, Complex128 want) { return (type == DType::c64 ? 1e-6 : 1e-14) * (1 + std::abs(want)); }

void expect_unary(const std::string& op, const std::function<Complex128(Complex128)>& meaning) {
  for (const DType type : {DType::c64, DType::c128}) {
    const std::string shape = std::string(name_of(type)) + "[" + std::to_string(kPoints.size()) + "]";
    const auto got = numbers_of(
        run("  x = " + shape + " parameter(0)\n  ROOT y = " + shape + " " + op + "(x)", "", {array_of(type, kPoints)}));
    for (size_t i = 0; i < kPoints.size(); ++i) {
      const Complex128 want = meaning(kPoints[i]);
      EXPECT_LE(std::abs(got[i] - want), tolerance(type, want))
          << op << kPoints[i] << " = " << got[i] << " not " << want;
    }
  }
}

void expect_binary(const std::string& op, const std::function<Complex128(Complex128, Complex128)>& meaning) {
  std::vector<Complex128> x;
  std::vector<Complex128> y;
  for (const Complex128& a : kPoints) {
    for (const Complex128& b : kPoints) x.push_back(a), y.push_back(b);
  }
  for (const DType type : {DType::c64, DType::c128}) {
    const std::string shape = std::string(name_of(type)) + "[" + std::to_string(x.size()) + "]";
    const auto got = numbers_of(run(
        "  x = " + shape + " parameter(0)\n  y = " + shape + " parameter(1)\n  ROOT z = " + shape + " " + op + "(x, y)",
        "", {array_of(type, x), array_of(type, y)}));
    for (size_t i = 0; i < x.size(); ++i) {
      const Complex128 want = meaning(x[i], y[i]);
      EXPECT_LE(std::abs(got[i] - want), 4 * tolerance(type, want)) << op << x[i] << y[i] << " = " << got[i];
    }
  }
}

const Complex128 kI(0, 1);

TEST(PointwiseComplex, Functions) {
  expect_unary("exponential", [](Complex128 z) { return std::polar(std::exp(z.real()), z.imag()); });
  expect_unary("exponential-minus-one", [](Complex128 z) { return std::exp(z) - 1.0; });
  expect_unary("log", [](Complex128 z) { return Complex128(std::log(std::abs(z)), std::arg(z)); });
  expect_unary("log-plus-one", [](Complex128 z) { return std::log(1.0 + z); });
  expect_unary("logistic", [](Complex128 z) { return 0.5 + 0.5 * std::tanh(z / 2.0); });
  expect_unary("sqrt", [](Complex128 z) { return std::polar(std::sqrt(std::abs(z)), std::arg(z) / 2); });
  expect_unary("rsqrt", [](Complex128 z) { return std::polar(1 / std::sqrt(std::abs(z)), -std::arg(z) / 2); });
  expect_unary("sine", [](Complex128 z) { return (std::exp(kI * z) - std::exp(-kI * z)) / (2.0 * kI); });
  expect_unary("cosine", [](Complex128 z) { return (std::exp(kI * z) + std::exp(-kI * z)) / 2.0; });
  expect_unary("tan", [](Complex128 z) { return std::sin(z) / std::cos(z); });
  expect_unary("sinh", [](Complex128 z) { return (std::exp(z) - std::exp(-z)) / 2.0; });
  expect_unary("cosh", [](Complex128 z) { return (std::exp(z) + std::exp(-z)) / 2.0; });
  expect_unary("tanh", [](Complex128 z) { return std::sinh(z) / std::cosh(z); });
  expect_unary("sign", [](Complex128 z) { return z / std::abs(z); });
  expect_unary("negate", [](Complex128 z) { return -z; });
}

// Inverse functions give back what went in, where it is in their range.
TEST(PointwiseComplex, InverseFunctions) {
  expect_unary("asin", [](Complex128 z) { return -kI * std::log(kI * z + std::sqrt(1.0 - z * z)); });
  expect_unary("acos", [](Complex128 z) { return M_PI / 2 + kI * std::log(kI * z + std::sqrt(1.0 - z * z)); });
  expect_unary("asinh", [](Complex128 z) { return std::log(z + std::sqrt(z * z + 1.0)); });
  expect_unary("acosh", [](Complex128 z) { return std::log(z + std::sqrt(z + 1.0) * std::sqrt(z - 1.0)); });
}

TEST(PointwiseComplex, Arithmetic) {
  expect_binary("add", [](Complex128 x, Complex128 y) { return x + y; });
  expect_binary("subtract", [](Complex128 x, Complex128 y) { return x - y; });
  expect_binary("multiply", [](Complex128 x, Complex128 y) {
    return std::polar(std::abs(x) * std::abs(y), std::arg(x) + std::arg(y));
  });
  expect_binary("divide", [](Complex128 x, Complex128 y) {
    return std::polar(std::abs(x) / std::abs(y), std::arg(x) - std::arg(y));
  });
  expect_binary("power", [](Complex128 x, Complex128 y) { return std::pow(x, y); });
}

TEST(PointwiseComplex, PowersOfZero) {
  EXPECT_EQ(apply("c64[2] power", {"c64[2] {(0, 0), (0, 0)}", "c64[2] {(0, 0), (2, 0)}"}), "{(1, 0), (0, 0)}");
}

TEST(PointwiseComplex, Parts) {
  EXPECT_EQ(apply("f32[2] real", {"c64[2] {(1, 2), (-3, 4)}"}), "{1, -3}");
  EXPECT_EQ(apply("f64[1] imag", {"c128[1] {(1, 2)}"}), "{2}");
  EXPECT_EQ(apply("f32[2] abs", {"c64[2] {(3, -4), (0, 0)}"}), "{5, 0}");
  EXPECT_EQ(apply("c64[2] complex", {"f32[2] {1, 2}", "f32[2] {3, 4}"}), "{(1, 3), (2, 4)}");
}

TEST(PointwiseComplex, Comparisons) {
  const std::string x = "c64[2] {(1, 2), (1, 2)}";
  const std::string y = "c64[2] {(1, 2), (1, 3)}";
  EXPECT_EQ(apply("pred[2] compare", {x, y}, "direction=EQ"), "{1, 0}");
  EXPECT_EQ(apply("pred[2] compare", {x, y}, "direction=NE"), "{0, 1}");
}

}  // namespace
}  // namespace gshard
