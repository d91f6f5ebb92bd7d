// Elements as unsigned integers in the same order, and sorting them.
//
//   -1.5f, 0.0f, 2.0f  ->  0x403fffff, 0x80000000, 0xc0000000
//
// An item is such a key with the place of its element below it, so that items in ascending order are elements in
// stable order.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "ir/dtype.h"

namespace gshard::cpu {

// Items of keys that have up to 32 bits, and up to 64.
using Item = uint64_t;
__extension__ using WideItem = unsigned __int128;
inline constexpr int kPlaceBits = 32;

// The order of floats: by value, where zeros are equal and NaNs have no place; or -0 below +0 and NaNs at the ends.
enum class FloatOrder : uint8_t { value, total };

// How the elements of a type become keys. With `descending` the greatest element has the smallest key.
struct KeyRule {
  DType type;
  FloatOrder order = FloatOrder::total;
  bool descending = false;
};

// The bits that the keys of a type have.
int key_bits(DType type);

// keys[i] for the elements at first + i * step bytes. Returns whether all of them have a place in the order.
bool read_keys(const KeyRule& rule, const std::byte* first, int64_t step, std::span<uint32_t> keys);
bool read_keys(const KeyRule& rule, const std::byte* first, int64_t step, std::span<uint64_t> keys);

template <class Key>
auto item_of(Key key, size_t place) {
  using T = std::conditional_t<sizeof(Key) == 4, Item, WideItem>;
  return static_cast<T>(static_cast<T>(key) << kPlaceBits) | place;
}
template <class T>
size_t place_of(T item) {
  return static_cast<uint32_t>(item);
}

// Sorts items whose places stand in ascending order. `scratch` is as long.
template <class T>
void sort_items(std::span<T> items, std::span<T> scratch, int bits) {
  constexpr size_t kShort = 150;
  constexpr int kDigit = 8;
  if (items.size() < kShort) return std::sort(items.begin(), items.end());
  std::array<std::array<uint32_t, 1 << kDigit>, 64 / kDigit> counts{};
  const auto digit = [](T item, int d) {
    return static_cast<size_t>(item >> (kPlaceBits + d * kDigit)) & ((1 << kDigit) - 1);
  };
  const int digits = (bits + kDigit - 1) / kDigit;
  for (const T item : items) {
    for (int d = 0; d < digits; ++d) ++counts[static_cast<size_t>(d)][digit(item, d)];
  }
  std::span<T> from = items;
  std::span<T> to = scratch;
  for (int d = 0; d < digits; ++d) {
    auto& next = counts[static_cast<size_t>(d)];
    if (next[digit(from[0], d)] == from.size()) continue;
    uint32_t before = 0;
    for (uint32_t& count : next) before += std::exchange(count, before);
    for (const T item : from) to[next[digit(item, d)]++] = item;
    std::swap(from, to);
  }
  if (from.data() != items.data()) std::copy(from.begin(), from.end(), items.begin());
}

}  // namespace gshard::cpu
