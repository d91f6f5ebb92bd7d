#include "eval/elements.h"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>

#include "eval/dispatch.h"

namespace gshard {
namespace {

template <class T>
inline constexpr bool kIsComplex = false;
template <class T>
inline constexpr bool kIsComplex<std::complex<T>> = true;

// Elements pass between types through blocks of the widest type of their class, so that there are not as many
// conversions as pairs of types.
constexpr size_t kBlock = 512;

// uint64_t, int64_t, double or std::complex<double>.
template <class T>
struct Widest {
  using Type = double;
};
template <std::unsigned_integral T>
struct Widest<T> {
  using Type = uint64_t;
};
template <std::signed_integral T>
struct Widest<T> {
  using Type = int64_t;
};
template <class T>
struct Widest<std::complex<T>> {
  using Type = std::complex<double>;
};

// The integers of `bits` bits, to which floats are clamped; NaN is 0.
template <class T>
struct Range {
  double limit;  // one more than the largest
  T largest;
  explicit Range(int bits) {
    const int digits = std::is_signed_v<T> ? bits - 1 : bits;
    limit = std::ldexp(1.0, digits);
    largest = static_cast<T>(std::numeric_limits<T>::max() >> (std::numeric_limits<T>::digits - digits));
  }
  T clamp(double x) const {
    const double lowest = std::is_signed_v<T> ? -limit : 0;
    if (!(x > lowest)) return x != x ? T{0} : static_cast<T>(lowest);
    return x >= limit ? largest : static_cast<T>(x);
  }
};

// A number beyond 2^53 with all bits that a double cannot hold as one, so that it is rounded once.
template <std::integral Wide>
Wide with_sticky_bit(Wide x) {
  constexpr Wide kExact = Wide{1} << 53;
  constexpr Wide kLow = 0xfff;
  constexpr Wide kSticky = 0x800;
  const bool is_exact = x <= kExact && (std::is_unsigned_v<Wide> || x >= Wide{0} - kExact);
  return is_exact ? x : static_cast<Wide>((x & ~kLow) | ((x & kLow) != 0 ? kSticky : Wide{0}));
}

template <class T, class Wide>
T narrow(Wide x) {
  if constexpr (kIsComplex<T>) {
    if constexpr (kIsComplex<Wide>) {
      return T(static_cast<typename T::value_type>(x.real()), static_cast<typename T::value_type>(x.imag()));
    } else {
      return T(static_cast<typename T::value_type>(x), 0);
    }
  } else if constexpr (kIsComplex<Wide>) {
    return T{};  // refused before
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<Wide, double>) {
    return static_cast<T>(x);
  } else {
    return T(static_cast<double>(with_sticky_bit(x)));
  }
}

template <class Wide>
void load_block(DType type, const std::byte* from, Wide* to, size_t n) {
  with_storage(type, [&]<class T>() {
    if constexpr (std::is_same_v<Wide, typename Widest<T>::Type>) {
      const T* x = reinterpret_cast<const T*>(from);
      for (size_t i = 0; i < n; ++i) to[i] = static_cast<Wide>(x[i]);
    }
  });
}

template <class Wide>
void store_block(DType type, const Wide* from, std::byte* to, size_t n) {
  if (type == DType::pred) {
    for (size_t i = 0; i < n; ++i) to[i] = std::byte{from[i] != Wide{0}};
    return;
  }
  with_storage(type, [&]<class T>() {
    T* x = reinterpret_cast<T*>(to);
    if constexpr (std::is_integral_v<T> && std::is_same_v<Wide, double>) {
      const Range<T> range(bits_of(type));
      for (size_t i = 0; i < n; ++i) x[i] = range.clamp(from[i]);
    } else {
      for (size_t i = 0; i < n; ++i) x[i] = narrow<T>(from[i]);
    }
  });
  wrap_integers(type, to, n);
}

bool is_at_most_f32(DType type) { return is_floating(type) && bits_of(type) <= 32; }

}  // namespace

DType compute_type(DType type) { return is_at_most_f32(type) ? DType::f32 : type; }

void widen_floats(DType type, const std::byte* from, float* to, size_t n) {
  with_storage(type, [&]<class T>() {
    if constexpr (sizeof(T) <= 4 && !std::is_integral_v<T>) {
      const T* x = reinterpret_cast<const T*>(from);
      for (size_t i = 0; i < n; ++i) to[i] = static_cast<float>(x[i]);
    }
  });
}

void narrow_floats(DType type, const float* from, std::byte* to, size_t n) {
  with_storage(type, [&]<class T>() {
    if constexpr (sizeof(T) <= 4 && !std::is_integral_v<T>) {
      T* x = reinterpret_cast<T*>(to);
      for (size_t i = 0; i < n; ++i) x[i] = static_cast<T>(from[i]);
    }
  });
}

void wrap_integers(DType type, std::byte* values, size_t n) {
  const int bits = type == DType::pred ? 1 : bits_of(type);
  if (bits >= 8 || is_floating(type)) return;
  const int shift = 8 - bits;
  if (is_signed_int(type)) {
    auto* x = reinterpret_cast<int8_t*>(values);
    for (size_t i = 0; i < n; ++i) x[i] = static_cast<int8_t>(static_cast<int8_t>(x[i] << shift) >> shift);
  } else {
    auto* x = reinterpret_cast<uint8_t*>(values);
    for (size_t i = 0; i < n; ++i) x[i] = static_cast<uint8_t>(x[i] & ((1 << bits) - 1));
  }
}

void bytes_to_preds(std::byte* values, size_t n) {
  for (size_t i = 0; i < n; ++i) values[i] = std::byte{values[i] != std::byte{0}};
}

Literal convert_elements(const Literal& x, DType to) {
  const DType from = x.shape().type();
  if (from == to) return x;
  if (is_complex(from) && !is_complex(to) && to != DType::pred) {
    throw Error::program("no conversion from " + std::string(name_of(from)) + " to " + std::string(name_of(to)) +
                         "; take the real part");
  }
  Literal result = Literal::uninitialized(Shape(to, x.shape().dims()));
  convert_block(from, x.bytes(), to, result.mutable_bytes(), static_cast<size_t>(x.shape().element_count()));
  return result;
}

void convert_block(DType from_type, const std::byte* from, DType to_type, std::byte* to, size_t n) {
  const auto from_bytes = static_cast<size_t>(bytes_of(from_type));
  const auto to_bytes = static_cast<size_t>(bytes_of(to_type));
  const auto through = [&]<class Wide>(auto load, auto store) {
    Wide wide[kBlock];
    for (size_t i = 0; i < n; i += kBlock) {
      const size_t count = std::min(kBlock, n - i);
      load(from_type, from + i * from_bytes, wide, count);
      store(to_type, wide, to + i * to_bytes, count);
    }
  };
  if (is_at_most_f32(from_type) && is_at_most_f32(to_type)) {
    through.operator()<float>(widen_floats, narrow_floats);
  } else {
    with_storage(from_type, [&]<class T>() {
      using Wide = typename Widest<T>::Type;
      through.template operator()<Wide>(load_block<Wide>, store_block<Wide>);
    });
  }
}

namespace {

template <class T>
int64_t saturated(T value) {
  if constexpr (std::is_same_v<T, uint64_t>) {
    return static_cast<int64_t>(std::min<uint64_t>(value, std::numeric_limits<int64_t>::max()));
  } else {
    return static_cast<int64_t>(value);
  }
}

}  // namespace

int64_t integer_at(const Literal& x, size_t i) {
  return with_integer(x.shape().type(), [&]<class T>() { return saturated(x.values<T>()[i]); });
}

std::vector<int64_t> integers_of(const Literal& x) {
  std::vector<int64_t> integers(static_cast<size_t>(x.shape().element_count()));
  with_integer(x.shape().type(), [&]<class T>() {
    const auto values = x.values<T>();
    std::transform(values.begin(), values.end(), integers.begin(), saturated<T>);
  });
  return integers;
}

Literal filled(const Shape& shape, const Literal& value) {
  GSHARD_CHECK(value.shape().type() == shape.type() && value.shape().element_count() == 1);
  Literal result = Literal::uninitialized(shape);
  with_bytes(shape.type(), [&]<class T>() {
    const std::span<T> values = result.mutable_values<T>();
    std::fill(values.begin(), values.end(), value.values<T>()[0]);
  });
  return result;
}

}  // namespace gshard
