// Stable sorting under any comparator.
#pragma once

#include <algorithm>
#include <span>

namespace gshard {

// Merges neighbouring runs until one is left. Whatever `less` says, even if it is no order at all, the result has the
// same items. `scratch` is as long as `items`.
template <class Item, class Less>
void merge_sort(std::span<Item> items, std::span<Item> scratch, const Less& less) {
  std::span<Item> from = items;
  std::span<Item> to = scratch;
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t first = 0; first < items.size(); first += 2 * width) {
      const size_t middle = std::min(first + width, items.size());
      const size_t end = std::min(first + 2 * width, items.size());
      const auto at = [&](size_t i) { return from.begin() + static_cast<std::ptrdiff_t>(i); };
      std::merge(at(first), at(middle), at(middle), at(end), to.begin() + static_cast<std::ptrdiff_t>(first), less);
    }
    std::swap(from, to);
  }
  if (from.data() != items.data()) std::copy(from.begin(), from.end(), items.begin());
}

}  // namespace gshard
