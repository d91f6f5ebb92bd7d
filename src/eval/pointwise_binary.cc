// The pointwise ops of two operands, and clamp.
#include <bit>
#include <cmath>
#include <limits>

#include "eval/elements.h"
#include "eval/pointwise.h"

namespace gshard {
namespace {

using Complex128 = std::complex<double>;

// ---- arithmetic -------------------------------------------------------------------------------------------------

struct Add {
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (Integer<T>) {
      return static_cast<T>(static_cast<Wrapping<T>>(x) + static_cast<Wrapping<T>>(y));
    } else {
      return x + y;
    }
  }
};

struct Subtract {
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (Integer<T>) {
      return static_cast<T>(static_cast<Wrapping<T>>(x) - static_cast<Wrapping<T>>(y));
    } else {
      return x - y;
    }
  }
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

struct Maximum {
  template <Integer T>
  T operator()(T x, T y) const {
    return x > y ? x : y;
  }
  // A NaN of either side wins; +0 is above -0.
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

struct Power {
  template <Integer T>
  T operator()(T x, T y) const {
    if constexpr (std::is_signed_v<T>) {
      if (y < 0) return x == 1 ? T{1} : x == -1 ? static_cast<T>(y % 2 == 0 ? 1 : -1) : T{0};
    }
    Wrapping<T> result = 1;
    Wrapping<T> base = static_cast<Wrapping<T>>(x);
    for (auto left = static_cast<std::make_unsigned_t<T>>(y); left != 0; left = static_cast<decltype(left)>(left >> 1)) {
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
    using Wide = std::conditional_t<sizeof(T) == 8, std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>,
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

// ---- bits -------------------------------------------------------------------------------------------------------

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

// ---- comparisons ------------------------------------------------------------------------------------------------

// Integers in the order of floats where -0 < +0 and NaNs stand beyond the infinities of their sign.
template <Real T>
auto total_order_key(T x) {
  using Key = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  const Key bits = std::bit_cast<Key>(x);
  return bits < 0 ? static_cast<Key>(bits ^ std::numeric_limits<Key>::max()) : bits;
}

template <class Relation>
struct Compare {
  template <class T>
    requires std::invocable<Relation, T, T>
  uint8_t operator()(T x, T y) const {
    return Relation{}(x, y) ? 1 : 0;
  }
};
template <class Relation>
struct CompareTotal {
  template <Real T>
  uint8_t operator()(T x, T y) const {
    return Relation{}(total_order_key(x), total_order_key(y)) ? 1 : 0;
  }
};

template <template <class> class Comparison>
const Loops& comparison_loops(Direction direction) {
  static constexpr std::array kLoops = {
      loops<2, Comparison<std::equal_to<>>>(),      loops<2, Comparison<std::not_equal_to<>>>(),
      loops<2, Comparison<std::greater_equal<>>>(), loops<2, Comparison<std::greater<>>>(),
      loops<2, Comparison<std::less_equal<>>>(),    loops<2, Comparison<std::less<>>>(),
  };
  return kLoops[static_cast<size_t>(direction)];
}

// The integer type of the same width and the other signedness.
DType with_other_sign(DType type) {
  constexpr int kDistance = static_cast<int>(DType::u1) - static_cast<int>(DType::s1);
  static_assert(static_cast<int>(DType::u64) - static_cast<int>(DType::s64) == kDistance);
  return static_cast<DType>(static_cast<int>(type) + (is_signed_int(type) ? kDistance : -kDistance));
}

// Compare may read integers with the other signedness.
bool compares_with_other_sign(DType type, ComparisonType how) {
  return (how == ComparisonType::UNSIGNED && is_signed_int(type)) ||
         (how == ComparisonType::SIGNED && is_unsigned_int(type));
}

// ---- clamp ------------------------------------------------------------------------------------------------------

struct Clamp {
  template <class T>
    requires(Integer<T> || Real<T>)
  T operator()(T low, T x, T high) const {
    return Minimum{}(high, Maximum{}(low, x));
  }
};

}  // namespace

#define GSHARD_BINARY(op, ...)                                                                 \
  Literal eval_##op(const Instruction& instruction, std::span<Literal> operands, Evaluator&) { \
    static constexpr Loops kLoops = loops<2, __VA_ARGS__>();                                   \
    return run_pointwise(instruction, kLoops, operands);                                       \
  }

// On pred, addition is or and multiplication is and.
GSHARD_BINARY(add, Add, Or)
GSHARD_BINARY(and_, And)
GSHARD_BINARY(atan2, Atan2)
GSHARD_BINARY(complex, MakeComplex)
GSHARD_BINARY(divide, Divide)
GSHARD_BINARY(maximum, Maximum)
GSHARD_BINARY(minimum, Minimum)
GSHARD_BINARY(mulhi, MultiplyHigh)
GSHARD_BINARY(multiply, Multiply, And)
GSHARD_BINARY(or_, Or)
GSHARD_BINARY(power, Power)
GSHARD_BINARY(remainder, Remainder)
GSHARD_BINARY(shift_left, ShiftLeft)
GSHARD_BINARY(shift_right_arithmetic, ShiftRightArithmetic)
GSHARD_BINARY(shift_right_logical, ShiftRightLogical)
GSHARD_BINARY(subtract, Subtract)
GSHARD_BINARY(xor_, Xor)
#undef GSHARD_BINARY

Literal eval_compare(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& attrs = instruction.attrs<CompareAttrs>();
  const DType type = operands[0].shape().type();
  if (attrs.type == ComparisonType::TOTALORDER && is_floating(type)) {
    return run_pointwise(instruction, comparison_loops<CompareTotal>(attrs.direction), operands);
  }
  if (compares_with_other_sign(type, attrs.type)) {
    for (Literal& operand : operands) operand = convert_elements(operand, with_other_sign(type));
  }
  return run_pointwise(instruction, comparison_loops<Compare>(attrs.direction), operands);
}

Literal eval_clamp(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  static constexpr Loops kLoops = loops<3, Clamp>();
  return run_pointwise(instruction, kLoops, operands);
}

}  // namespace gshard
