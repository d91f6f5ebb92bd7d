// The loops of pointwise ops of two operands.
#include <cmath>

#include "eval/pointwise.h"

namespace gshard {
namespace {

using Complex128 = std::complex<double>;

// ---- arithmetic -------------------------------------------------------------------------------------------------

struct Divide {
  template <Integer T>
  T operator()(T x, T y) const {
    if (y == 0) return static_cast<T>(-1);
    if constexpr (std::is_signed_v<T>) {
      if (y == -1) return static_cast<T>(-static_cast<Wrapping<T>>(x));
    }
    return static_cast<T>(x / y);
  }
  template <Real T>
  T operator()(T x, T y) const {
    return x / y;
  }
  template <Complex T>
  T operator()(T x, T y) const {
    return T(Complex128(x) / Complex128(y));
  }
};

struct Remainder {
  template <Integer T>
  T operator()(T x, T y) const {
    if (y == 0) return x;
    if constexpr (std::is_signed_v<T>) {
      if (y == -1) return 0;
    }
    return static_cast<T>(x % y);
  }
  template <Real T>
  T operator()(T x, T y) const {
    return std::fmod(x, y);
  }
};

struct Power {
  template <Integer T>
  T operator()(T x, T y) const {
    if constexpr (std::is_signed_v<T>) {
      if (y < 0) return x == 1 ? T{1} : x == -1 ? static_cast<T>(y % 2 == 0 ? 1 : -1) : T{0};
    }
    Wrapping<T> result = 1;
    Wrapping<T> base = static_cast<Wrapping<T>>(x);
    for (auto left = static_cast<std::make_unsigned_t<T>>(y); left != 0;
         left = static_cast<decltype(left)>(left >> 1)) {
      if (left & 1) result *= base;
      base *= base;
    }
    return static_cast<T>(result);
  }
  template <Real T>
  T operator()(T x, T y) const {
    return static_cast<T>(std::pow(static_cast<double>(x), static_cast<double>(y)));
  }
  template <Complex T>
  T operator()(T x, T y) const {
    const Complex128 base(x);
    const Complex128 exponent(y);
    if (exponent == 0.0) return T(1);
    if (base == 0.0 && exponent.real() > 0) return T(0);
    return T(std::exp(exponent * std::log(base)));
  }
};

struct Atan2 {
  template <Real T>
  T operator()(T y, T x) const {
    return static_cast<T>(std::atan2(static_cast<double>(y), static_cast<double>(x)));
  }
  // -i log((x + i y) / sqrt(x^2 + y^2)).
  template <Complex T>
  T operator()(T y_value, T x_value) const {
    const Complex128 y(y_value);
    const Complex128 x(x_value);
    const Complex128 i(0, 1);
    return T(-i * std::log((x + i * y) / std::sqrt(x * x + y * y)));
  }
};

struct MultiplyHigh {
  int width;
  template <Integer T>
  T operator()(T x, T y) const {
    using Wide =
        std::conditional_t<sizeof(T) == 8, std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>,
                           std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;
    return static_cast<T>((static_cast<Wide>(x) * static_cast<Wide>(y)) >> width);
  }
};

struct MakeComplex {
  template <Real T>
  std::complex<T> operator()(T real, T imaginary) const {
    return {real, imaginary};
  }
};

// ---- shifts -----------------------------------------------------------------------------------------------------

// A shift amount is unsigned: a negative one is beyond every width.
template <Integer T>
bool is_beyond(T amount, int width) {
  return static_cast<std::make_unsigned_t<T>>(amount) >= static_cast<std::make_unsigned_t<T>>(width);
}

struct ShiftLeft {
  int width;
  template <Integer T>
  T operator()(T x, T amount) const {
    return is_beyond(amount, width) ? T{0} : static_cast<T>(static_cast<Wrapping<T>>(x) << amount);
  }
};

struct ShiftRightLogical {
  int width;
  template <Integer T>
  T operator()(T x, T amount) const {
    using Unsigned = std::make_unsigned_t<T>;
    if (is_beyond(amount, width)) return 0;
    const auto mask = static_cast<Unsigned>(static_cast<Unsigned>(-1) >> (static_cast<int>(sizeof(T)) * 8 - width));
    return static_cast<T>((static_cast<Unsigned>(x) & mask) >> amount);
  }
};

struct ShiftRightArithmetic {
  int width;
  // Unsigned numbers are shifted as if their highest bit were a sign.
  template <Integer T>
  T operator()(T x, T amount) const {
    using Signed = std::make_signed_t<T>;
    const int unused = static_cast<int>(sizeof(T)) * 8 - width;
    const auto value = static_cast<Signed>(static_cast<Signed>(static_cast<Wrapping<T>>(x) << unused) >> unused);
    return static_cast<T>(value >> (is_beyond(amount, width) ? width - 1 : static_cast<int>(amount)));
  }
};

// On pred, addition is or and multiplication is and.
constexpr LoopsRow kRows[] = {
    {Op::add, loops<2, Add, Or>()},
    {Op::and_, loops<2, And>()},
    {Op::atan2, loops<2, Atan2>()},
    {Op::complex, loops<2, MakeComplex>()},
    {Op::divide, loops<2, Divide>()},
    {Op::maximum, loops<2, Maximum>()},
    {Op::minimum, loops<2, Minimum>()},
    {Op::mulhi, loops<2, MultiplyHigh>()},
    {Op::multiply, loops<2, Multiply, And>()},
    {Op::or_, loops<2, Or>()},
    {Op::power, loops<2, Power>()},
    {Op::remainder, loops<2, Remainder>()},
    {Op::shift_left, loops<2, ShiftLeft>()},
    {Op::shift_right_arithmetic, loops<2, ShiftRightArithmetic>()},
    {Op::shift_right_logical, loops<2, ShiftRightLogical>()},
    {Op::subtract, loops<2, Subtract>()},
    {Op::xor_, loops<2, Xor>()},
};

}  // namespace

std::span<const LoopsRow> binary_rows() { return kRows; }

}  // namespace gshard
