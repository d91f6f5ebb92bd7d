#include "backend/cpu/sort_keys.h"

#include <bit>
#include <cmath>

#include "ir/storage.h"

namespace gshard::cpu {
namespace {

// Unsigned integers as wide as a number.
template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <class T>
struct KeyOf {
  bool by_value;
  bool has_place(T) const { return true; }
  BitsOf<T> operator()(T x) const {
    using Bits = BitsOf<T>;
    if constexpr (std::is_signed_v<T>) return static_cast<Bits>(x) ^ (Bits{1} << (sizeof(Bits) * 8 - 1));
    return static_cast<Bits>(x);
  }
};

template <std::floating_point T>
struct KeyOf<T> {
  bool by_value;
  bool has_place(T x) const { return !by_value || x == x; }
  BitsOf<T> operator()(T x) const {
    constexpr auto kSign = BitsOf<T>{1} << (sizeof(T) * 8 - 1);
    if (by_value) x += T{0};  // -0 becomes +0
    const auto bits = std::bit_cast<BitsOf<T>>(x);
    return (bits & kSign) != 0 ? ~bits : bits | kSign;
  }
};

// What keys are made of: the element, or what it is in a wider type.
template <class T>
auto widened(T x) {
  if constexpr (std::is_arithmetic_v<T>) {
    return x;
  } else {
    return static_cast<float>(x);
  }
}

template <class T, class Key, class Step>
bool read_typed(const KeyRule& rule, const std::byte* first, Step step, std::span<Key> keys) {
  using Wide = decltype(widened(T{}));
  const KeyOf<Wide> key_of{rule.order == FloatOrder::value};
  const Key flip = rule.descending ? ~Key{0} : Key{0};
  uint32_t without_place = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    T x;
    std::memcpy(&x, first + static_cast<int64_t>(i) * step, sizeof(T));
    const auto wide = widened(x);
    without_place |= static_cast<uint32_t>(!key_of.has_place(wide));
    keys[i] = static_cast<Key>(key_of(wide)) ^ flip;
  }
  return without_place == 0;
}

template <class Key>
bool read(const KeyRule& rule, const std::byte* first, int64_t step, std::span<Key> keys) {
  return with_storage(rule.type, [&]<class T>() -> bool {
    if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
      return false;
    } else {
      // Neighbours become keys by vectors.
      using Next = std::integral_constant<int64_t, sizeof(T)>;
      return step == Next() ? read_typed<T>(rule, first, Next(), keys) : read_typed<T>(rule, first, step, keys);
    }
  });
}

}  // namespace

int key_bits(DType type) { return bytes_of(type) == 8 ? 64 : 32; }

bool read_keys(const KeyRule& rule, const std::byte* first, int64_t step, std::span<uint32_t> keys) {
  return read(rule, first, step, keys);
}
bool read_keys(const KeyRule& rule, const std::byte* first, int64_t step, std::span<uint64_t> keys) {
  return read(rule, first, step, keys);
}

}  // namespace gshard::cpu
