#include "backend/cpu/topk_routine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "backend/cpu/sort_keys.h"
#include "ops/custom_call.h"

namespace gshard::cpu {
namespace {

// Elements whose keys are read together.
constexpr size_t kBlock = 256;
// Up to so many are kept in order; more are kept as they come and thinned out.
constexpr size_t kFewElements = 16;

// The `k` smallest of the items that are offered.
template <class T>
class Smallest {
 public:
  // `items` has room for 2 * k and a block more.
  Smallest(T* items, size_t k) : items_(items), k_(k) {}

  // An item that is not below this one is none of them.
  T limit() const { return limit_; }

  void offer(T item) {
    if (item >= limit_) return;
    if (k_ > kFewElements) {
      items_[count_++] = item;
      return;
    }
    size_t at = count_ < k_ ? count_++ : k_ - 1;
    for (; at > 0 && items_[at - 1] > item; --at) items_[at] = items_[at - 1];
    items_[at] = item;
    if (count_ == k_) limit_ = items_[k_ - 1];
  }
  // After at most a block of offers.
  void thin_out() {
    if (k_ <= kFewElements || count_ < 2 * k_) return;
    std::nth_element(items_, items_ + k_ - 1, items_ + count_);
    count_ = k_;
    limit_ = items_[k_ - 1];
  }
  // The k items in order.
  std::span<const T> sorted() {
    if (k_ > kFewElements) {
      const size_t end = std::min(k_, count_);
      std::nth_element(items_, items_ + end - 1, items_ + count_);
      std::sort(items_, items_ + end);
    }
    return {items_, k_};
  }
  void clear() {
    count_ = 0;
    limit_ = ~T{0};
  }

 private:
  T* items_;
  size_t k_;
  size_t count_ = 0;
  T limit_ = ~T{0};
};

class TopKRoutine : public Routine {
 public:
  TopKRoutine(const Shape& shape, const TopKAttrs& attrs)
      : rule_{shape.type(), FloatOrder::total, attrs.largest},
        n_(static_cast<size_t>(shape.dim(shape.rank() - 1))),
        k_(static_cast<size_t>(attrs.k)),
        rows_(n_ == 0 ? 0 : shape.element_count() / static_cast<int64_t>(n_)) {}

  std::string describe() const override { return fmt::format("top {} of {} rows of {}", k_, rows_, n_); }
  int64_t workspace_bytes() const override { return parts().count() * bytes_of_part(); }

  void run(const Arrays& arrays, const ParallelLoop& loop) const override {
    if (k_ == 0) return;
    const RowParts cut = parts();
    loop(cut.count(), [&](int64_t part) {
      std::byte* items = arrays.workspace + part * bytes_of_part();
      if (key_bits(rule_.type) == 32) {
        run_rows<uint32_t>(arrays, cut.first(part), cut.end(part), items);
      } else {
        run_rows<uint64_t>(arrays, cut.first(part), cut.end(part), items);
      }
    });
  }

 private:
  RowParts parts() const { return {rows_, static_cast<int64_t>(n_ + 4 * k_)}; }
  int64_t bytes_of_part() const {
    const size_t items = k_ > kFewElements ? 2 * k_ + kBlock : kFewElements;
    return static_cast<int64_t>(items * sizeof(WideItem) + 63) / 64 * 64;
  }

  template <class Key>
  void run_rows(const Arrays& arrays, int64_t first, int64_t end, std::byte* memory) const {
    using T = decltype(item_of(Key{}, 0));
    const auto width = static_cast<size_t>(bytes_of(rule_.type));
    Smallest<T> smallest(reinterpret_cast<T*>(memory), k_);
    for (int64_t row = first; row < end; ++row) {
      const std::byte* elements = arrays.operands[0] + static_cast<size_t>(row) * n_ * width;
      smallest.clear();
      for (size_t start = 0; start < n_; start += kBlock) offer_block<Key>(elements, start, smallest);
      std::byte* value = arrays.results[0] + static_cast<size_t>(row) * k_ * width;
      auto* index = reinterpret_cast<int32_t*>(arrays.results[1]) + static_cast<size_t>(row) * k_;
      for (const T item : smallest.sorted()) {
        *index++ = static_cast<int32_t>(place_of(item));
        std::memcpy(value, elements + place_of(item) * width, width);
        value += width;
      }
    }
  }

  template <class Key, class T>
  void offer_block(const std::byte* elements, size_t start, Smallest<T>& smallest) const {
    // Most groups of elements have none that comes into question.
    constexpr size_t kGroup = 16;
    const auto width = static_cast<int64_t>(bytes_of(rule_.type));
    std::array<Key, kBlock> keys;
    const size_t count = std::min(kBlock, n_ - start);
    read_keys(rule_, elements + static_cast<int64_t>(start) * width, width, std::span(keys).first(count));
    for (size_t group = 0; group < count; group += kGroup) {
      const size_t end = std::min(group + kGroup, count);
      const auto limit = static_cast<Key>(smallest.limit() >> kPlaceBits);
      bool is_any = false;
      for (size_t i = group; i < end; ++i) is_any |= keys[i] <= limit;
      if (!is_any) continue;
      for (size_t i = group; i < end; ++i) smallest.offer(item_of(keys[i], start + i));
    }
    smallest.thin_out();
  }

  KeyRule rule_;
  size_t n_;
  size_t k_;
  int64_t rows_;
};

}  // namespace

std::unique_ptr<Routine> make_topk(const Instruction& x) {
  const Shape& shape = x.operand(0)->shape();
  const TopKAttrs attrs = topk_attributes_of(x);
  if (is_complex(shape.type()) || shape.dim(shape.rank() - 1) > INT32_MAX) return nullptr;
  return std::make_unique<TopKRoutine>(shape, attrs);
}

}  // namespace gshard::cpu
