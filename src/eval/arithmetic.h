// What arithmetic means on one element, as HLO has it: integers wrap, a NaN of either side wins.
//
//   Add{}(int8_t{127}, int8_t{1}) == -128
#pragma once

#include <bit>
#include <cmath>
#include <complex>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace gshard {

template <class T>
concept Integer = std::integral<T>;
template <class T>
concept Real = std::floating_point<T>;
template <class T>
concept Complex = std::same_as<T, std::complex<float>> || std::same_as<T, std::complex<double>>;

// Unsigned arithmetic of at least 32 bits, in which integers wrap without surprises.
template <Integer T>
using Wrapping = std::conditional_t<(sizeof(T) < 4), uint32_t, std::make_unsigned_t<T>>;

struct Add {
  template <Integer T>
  T operator()(T x, T y) const {
    return static_cast<T>(static_cast<Wrapping<T>>(x) + static_cast<Wrapping<T>>(y));
  }
  template <class T>
  requires(Real<T> || Complex<T>) T operator()(T x, T y) const { return x + y; }
};

struct Subtract {
  template <Integer T>
  T operator()(T x, T y) const {
    return static_cast<T>(static_cast<Wrapping<T>>(x) - static_cast<Wrapping<T>>(y));
  }
  template <class T>
  requires(Real<T> || Complex<T>) T operator()(T x, T y) const { return x - y; }
};

struct Multiply {
  template <Integer T>
  T operator()(T x, T y) const {
    return static_cast<T>(static_cast<Wrapping<T>>(x) * static_cast<Wrapping<T>>(y));
  }
  template <Real T>
  T operator()(T x, T y) const {
    return x * y;
  }
  // By the formula alone: an infinite factor may give NaN, as in XLA.
  template <class T>
  std::complex<T> operator()(std::complex<T> x, std::complex<T> y) const {
    return {x.real() * y.real() - x.imag() * y.imag(), x.real() * y.imag() + x.imag() * y.real()};
  }
};

// +0 is above -0.
struct Maximum {
  template <Integer T>
  T operator()(T x, T y) const {
    return x > y ? x : y;
  }
  template <Real T>
  T operator()(T x, T y) const {
    if (x == y) return std::signbit(x) ? y : x;
    return x > y || x != x ? x : y;
  }
};

struct Minimum {
  template <Integer T>
  T operator()(T x, T y) const {
    return x < y ? x : y;
  }
  template <Real T>
  T operator()(T x, T y) const {
    if (x == y) return std::signbit(x) ? x : y;
    return x < y || x != x ? x : y;
  }
};

struct And {
  template <Integer T>
  T operator()(T x, T y) const {
    return static_cast<T>(x & y);
  }
};
struct Or {
  template <Integer T>
  T operator()(T x, T y) const {
    return static_cast<T>(x | y);
  }
};
struct Xor {
  template <Integer T>
  T operator()(T x, T y) const {
    return static_cast<T>(x ^ y);
  }
};

// Integers in the order of floats where -0 < +0 and NaNs stand beyond the infinities of their sign.
template <Real T>
auto total_order_key(T x) {
  using Key = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  const Key bits = std::bit_cast<Key>(x);
  return bits < 0 ? static_cast<Key>(bits ^ std::numeric_limits<Key>::max()) : bits;
}

}  // namespace gshard
