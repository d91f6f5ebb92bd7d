// The loops of pointwise ops of one operand.
#include <bit>
#include <cmath>
#include <limits>

#include "eval/pointwise.h"

namespace gshard {
namespace {

using Complex128 = std::complex<double>;

// ---- functions in double precision, for reals and complex numbers -----------------------------------------------

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double rsqrt(double x) { return 1 / std::sqrt(x); }

// Without the slow path that std::exp takes where a double underflows.
double exp_for_float(double x) { return x < -120 ? 0 : std::exp(x); }

// Good to far more digits than a float has, at a third of the time of std::tanh.
double tanh_for_float(double x) {
  if (std::abs(x) < 1e-3) return x * (1 - x * x / 3);
  return 1 - 2 / (std::exp(2 * x) + 1);
}

Complex128 cbrt(Complex128 z) { return z == 0.0 ? z : std::pow(z, 1.0 / 3); }
Complex128 logistic(Complex128 z) { return 1.0 / (1.0 + std::exp(-z)); }
Complex128 rsqrt(Complex128 z) { return 1.0 / std::sqrt(z); }

Complex128 expm1(Complex128 z) {
  const double half_sine = std::sin(z.imag() / 2);
  const double real = std::expm1(z.real()) * std::cos(z.imag()) - 2 * half_sine * half_sine;
  return {real, std::exp(z.real()) * std::sin(z.imag())};
}

Complex128 log1p(Complex128 z) {
  const double x = z.real();
  const double y = z.imag();
  // Near zero the logarithm of the magnitude must not go through 1 + x.
  const bool small = std::abs(x) < 0.5 && std::abs(y) < 0.5;
  const double magnitude = small ? std::log1p(x * (2 + x) + y * y) / 2 : std::log(std::hypot(1 + x, y));
  return {magnitude, std::atan2(y, 1 + x)};
}

// A function of reals and, where it is given, of complex numbers. Floats are computed in double and rounded once;
// `for_float` may be less accurate than a double is.
template <double (*for_float)(double), double (*for_double)(double), Complex128 (*for_complex)(const Complex128&)>
struct Function {
  float operator()(float x) const { return static_cast<float>(for_float(x)); }
  double operator()(double x) const { return for_double(x); }
  template <Complex T>
  requires(for_complex != nullptr) T operator()(T z) const { return T(for_complex(Complex128(z))); }
};
template <double (*f)(double)>
using RealFunction = Function<f, f, nullptr>;

// Overloads taken by value, as the pointers above want them.
#define GSHARD_COMPLEX_FUNCTION(name, function) \
  Complex128 name(const Complex128& z) { return function(z); }
GSHARD_COMPLEX_FUNCTION(complex_acos, std::acos)
GSHARD_COMPLEX_FUNCTION(complex_acosh, std::acosh)
GSHARD_COMPLEX_FUNCTION(complex_asin, std::asin)
GSHARD_COMPLEX_FUNCTION(complex_asinh, std::asinh)
GSHARD_COMPLEX_FUNCTION(complex_atanh, std::atanh)
GSHARD_COMPLEX_FUNCTION(complex_cbrt, cbrt)
GSHARD_COMPLEX_FUNCTION(complex_cos, std::cos)
GSHARD_COMPLEX_FUNCTION(complex_cosh, std::cosh)
GSHARD_COMPLEX_FUNCTION(complex_exp, std::exp)
GSHARD_COMPLEX_FUNCTION(complex_expm1, expm1)
GSHARD_COMPLEX_FUNCTION(complex_log, std::log)
GSHARD_COMPLEX_FUNCTION(complex_log1p, log1p)
GSHARD_COMPLEX_FUNCTION(complex_logistic, logistic)
GSHARD_COMPLEX_FUNCTION(complex_rsqrt, rsqrt)
GSHARD_COMPLEX_FUNCTION(complex_sin, std::sin)
GSHARD_COMPLEX_FUNCTION(complex_sinh, std::sinh)
GSHARD_COMPLEX_FUNCTION(complex_sqrt, std::sqrt)
GSHARD_COMPLEX_FUNCTION(complex_tan, std::tan)
GSHARD_COMPLEX_FUNCTION(complex_tanh, std::tanh)
#undef GSHARD_COMPLEX_FUNCTION

// ---- functors that differ by the class of type --------------------------------------------------------------------

struct Abs {
  template <Integer T>
  T operator()(T x) const {
    return x < 0 ? static_cast<T>(-static_cast<Wrapping<T>>(x)) : x;
  }
  template <Real T>
  T operator()(T x) const {
    return std::abs(x);
  }
  float operator()(std::complex<float> z) const {
    return static_cast<float>(std::hypot(static_cast<double>(z.real()), static_cast<double>(z.imag())));
  }
  double operator()(std::complex<double> z) const { return std::hypot(z.real(), z.imag()); }
};

struct Negate {
  template <Integer T>
  T operator()(T x) const {
    return static_cast<T>(-static_cast<Wrapping<T>>(x));
  }
  template <class T>
  requires(Real<T> || Complex<T>) T operator()(T x) const { return -x; }
};

struct Sign {
  template <Integer T>
  T operator()(T x) const {
    return static_cast<T>((x > 0) - (x < 0));
  }
  template <Real T>
  T operator()(T x) const {
    return x > 0 ? T{1} : x < 0 ? T{-1} : x;
  }
  template <Complex T>
  T operator()(T z) const {
    const double magnitude = std::hypot(static_cast<double>(z.real()), static_cast<double>(z.imag()));
    if (magnitude == 0) return z;
    return T(Complex128(z) / magnitude);
  }
};

struct IsFinite {
  template <Real T>
  uint8_t operator()(T x) const {
    return std::abs(x) <= std::numeric_limits<T>::max() ? 1 : 0;
  }
};

struct RealPart {
  template <Real T>
  T operator()(T x) const {
    return x;
  }
  template <class T>
  T operator()(std::complex<T> z) const {
    return z.real();
  }
};

struct ImaginaryPart {
  template <Real T>
  T operator()(T) const {
    return 0;
  }
  template <class T>
  T operator()(std::complex<T> z) const {
    return z.imag();
  }
};

struct Not {
  template <Integer T>
  T operator()(T x) const {
    return static_cast<T>(~x);
  }
};

// The bits of an element as HLO counts them, without its sign extension.
template <Integer T>
uint64_t bits_of_value(T x, int width) {
  return static_cast<uint64_t>(x) & (~uint64_t{0} >> (64 - width));
}

struct PopulationCount {
  int width;
  template <Integer T>
  T operator()(T x) const {
    return static_cast<T>(std::popcount(bits_of_value(x, width)));
  }
};

struct CountLeadingZeros {
  int width;
  template <Integer T>
  T operator()(T x) const {
    return static_cast<T>(std::countl_zero(bits_of_value(x, width)) - (64 - width));
  }
};

constexpr LoopsRow kRows[] = {
    {Op::abs, loops<1, Abs>()},
    {Op::acos, loops<1, Function<std::acos, std::acos, complex_acos>>()},
    {Op::acosh, loops<1, Function<std::acosh, std::acosh, complex_acosh>>()},
    {Op::asin, loops<1, Function<std::asin, std::asin, complex_asin>>()},
    {Op::asinh, loops<1, Function<std::asinh, std::asinh, complex_asinh>>()},
    {Op::atanh, loops<1, Function<std::atanh, std::atanh, complex_atanh>>()},
    {Op::cbrt, loops<1, Function<std::cbrt, std::cbrt, complex_cbrt>>()},
    {Op::ceil, loops<1, RealFunction<std::ceil>>()},
    {Op::cosine, loops<1, Function<std::cos, std::cos, complex_cos>>()},
    {Op::cosh, loops<1, Function<std::cosh, std::cosh, complex_cosh>>()},
    {Op::count_leading_zeros, loops<1, CountLeadingZeros>()},
    {Op::erf, loops<1, RealFunction<std::erf>>()},
    {Op::exponential, loops<1, Function<exp_for_float, std::exp, complex_exp>>()},
    {Op::exponential_minus_one, loops<1, Function<std::expm1, std::expm1, complex_expm1>>()},
    {Op::floor, loops<1, RealFunction<std::floor>>()},
    {Op::imag, loops<1, ImaginaryPart>()},
    {Op::is_finite, loops<1, IsFinite>()},
    {Op::log, loops<1, Function<std::log, std::log, complex_log>>()},
    {Op::log_plus_one, loops<1, Function<std::log1p, std::log1p, complex_log1p>>()},
    {Op::logistic, loops<1, Function<logistic, logistic, complex_logistic>>()},
    {Op::negate, loops<1, Negate>()},
    {Op::not_, loops<1, Not>()},
    {Op::popcnt, loops<1, PopulationCount>()},
    {Op::real, loops<1, RealPart>()},
    {Op::round_nearest_afz, loops<1, RealFunction<std::round>>()},
    {Op::round_nearest_even, loops<1, RealFunction<std::nearbyint>>()},
    {Op::rsqrt, loops<1, Function<rsqrt, rsqrt, complex_rsqrt>>()},
    {Op::sign, loops<1, Sign>()},
    {Op::sine, loops<1, Function<std::sin, std::sin, complex_sin>>()},
    {Op::sinh, loops<1, Function<std::sinh, std::sinh, complex_sinh>>()},
    {Op::sqrt, loops<1, Function<std::sqrt, std::sqrt, complex_sqrt>>()},
    {Op::tan, loops<1, Function<std::tan, std::tan, complex_tan>>()},
    {Op::tanh, loops<1, Function<tanh_for_float, std::tanh, complex_tanh>>()},
};

}  // namespace

std::span<const LoopsRow> unary_rows() { return kRows; }

}  // namespace gshard
