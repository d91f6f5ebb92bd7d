#include "ops/constants.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/storage.h"

namespace gshard {
namespace {

// The smallest and largest integer of a type; pred is 0 and 1, and types narrower than a byte have their own bits.
int64_t lowest_integer(DType type) { return is_signed_int(type) ? int64_t{-1} << (bits_of(type) - 1) : 0; }
uint64_t highest_integer(DType type) {
  if (type == DType::pred) return 1;
  const int bits = is_signed_int(type) ? bits_of(type) - 1 : bits_of(type);
  return bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

template <class T>
T converted(DType type, double value) {
  if constexpr (!std::is_integral_v<T>) {
    return T(value);
  } else {
    if (type == DType::pred) return value != 0;
    if (std::isnan(value)) return 0;
    if (value >= static_cast<double>(highest_integer(type))) return static_cast<T>(highest_integer(type));
    if (value <= static_cast<double>(lowest_integer(type))) return static_cast<T>(lowest_integer(type));
    return static_cast<T>(value);
  }
}

template <class Value>
Literal integer(DType type, Value value) {
  Literal literal{Shape(type)};
  with_storage(type, [&]<class T>() {
    if constexpr (std::is_integral_v<T>) literal.mutable_values<T>()[0] = static_cast<T>(value);
  });
  return literal;
}

// Infinite or, where the type has no infinity, the largest magnitude.
Literal float_extreme(DType type, double sign) {
  Literal literal = full(Shape(type), sign * std::numeric_limits<double>::infinity());
  with_storage(type, [&]<class T>() {
    if constexpr (requires { T::format; }) {
      constexpr SmallFloatFormat format = T::format;
      if constexpr (format.specials != SmallFloatSpecials::ieee) {
        const uint32_t sign_bit = sign < 0 ? format.sign_mask() : 0;
        const uint32_t magnitude = sign < 0 && !format.has_sign() ? 0 : format.largest();
        literal.mutable_values<T>()[0] = T::from_bits(static_cast<typename T::Bits>(sign_bit | magnitude));
      }
    }
  });
  return literal;
}

void refuse_complex(DType type) {
  if (is_complex(type)) throw Error::program(std::string(name_of(type)) + " has no order, hence no extreme values");
}

}  // namespace

Literal full(const Shape& shape, double value) {
  GSHARD_CHECK(shape.is_array(), shape.to_string());
  Literal literal(shape);
  with_storage(shape.type(), [&]<class T>() {
    const std::span<T> values = literal.mutable_values<T>();
    std::fill(values.begin(), values.end(), converted<T>(shape.type(), value));
  });
  return literal;
}

Literal highest(DType type) {
  refuse_complex(type);
  return is_floating(type) ? float_extreme(type, 1) : integer(type, highest_integer(type));
}

Literal lowest(DType type) {
  refuse_complex(type);
  return is_floating(type) ? float_extreme(type, -1) : integer(type, lowest_integer(type));
}

Literal neutral_element(Reducer reducer, DType type) {
  switch (reducer) {
    case Reducer::mul:
      return full(Shape(type), 1);
    case Reducer::max:
      return lowest(type);
    case Reducer::min:
      return highest(type);
    case Reducer::and_:
      return is_signed_int(type) ? integer(type, -1) : integer(type, highest_integer(type));
    case Reducer::add:
    case Reducer::or_:
    case Reducer::xor_:
      return full(Shape(type), 0);
    case Reducer::none:
      break;
  }
  GSHARD_CHECK(false, "Reducer::none has no neutral element");
}

}  // namespace gshard
