#include "backend/cpu/sum_rows_routine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/small_float.h"

namespace gshard::cpu {
namespace {

// Numbers that are added up at a time: loops of a fixed length are vectors.
constexpr size_t kBlock = 64;

// First all (term, token) pairs are put in the order of their rows, then each row is added up by itself.
template <class T>
class SumRows : public Routine {
 public:
  explicit SumRows(const Instruction& x)
      : rows_(x.shape().dim(0)),
        size_(static_cast<size_t>(x.shape().dim(1))),
        tokens_(x.operand(0)->shape().dim(0)),
        pairs_(x.operand(1)->shape().element_count()) {}

  std::string describe() const override {
    return fmt::format("{} rows of {} added up from {} of {}", rows_, size_, pairs_, tokens_);
  }

  int64_t workspace_bytes() const override { return static_cast<int64_t>(sizeof(int32_t)) * (rows_ + 1 + pairs_); }

  void run(const Arrays& arrays, const ParallelLoop& loop) const override {
    const std::span<int32_t> ends(reinterpret_cast<int32_t*>(arrays.workspace), static_cast<size_t>(rows_) + 1);
    const std::span<int32_t> order(ends.data() + ends.size(), static_cast<size_t>(pairs_));
    const std::span places(reinterpret_cast<const int32_t*>(arrays.operands[1]), static_cast<size_t>(pairs_));
    sort_by_row(places, ends, order);
    const RowParts parts(rows_, static_cast<int64_t>(size_));
    loop(parts.count(), [&](int64_t part) {
      for (int64_t row = parts.first(part); row < parts.end(part); ++row) {
        const auto first = static_cast<size_t>(ends[static_cast<size_t>(row)]);
        const auto end = static_cast<size_t>(ends[static_cast<size_t>(row) + 1]);
        add_up(arrays, row, order.subspan(first, end - first));
      }
    });
  }

 private:
  // Leaves in ends[r] where the pairs of row r begin.
  void sort_by_row(std::span<const int32_t> places, std::span<int32_t> ends, std::span<int32_t> order) const {
    std::fill(ends.begin(), ends.end(), 0);
    const auto is_row = [&](int32_t place) { return 0 <= place && place < rows_; };
    for (const int32_t place : places) {
      if (is_row(place)) ++ends[static_cast<size_t>(place)];
    }
    int32_t total = 0;
    for (int32_t& end : ends) end = total += end;
    for (size_t i = places.size(); i-- > 0;) {
      if (is_row(places[i]))
        order[static_cast<size_t>(--ends[static_cast<size_t>(places[i])])] = static_cast<int32_t>(i);
    }
  }

  void add_up(const Arrays& arrays, int64_t row, std::span<const int32_t> pairs) const {
    const auto* x = reinterpret_cast<const T*>(arrays.operands[0]);
    const auto* weights = reinterpret_cast<const float*>(arrays.operands[2]);
    auto* to = reinterpret_cast<T*>(arrays.results[0]) + static_cast<size_t>(row) * size_;
    const auto from = [&](int32_t pair) { return x + static_cast<size_t>(pair % tokens_) * size_; };
    if (pairs.size() == 1 && weights[pairs[0]] == 1.0F) return void(std::memcpy(to, from(pairs[0]), size_ * sizeof(T)));
    for (size_t at = 0; at < size_; at += kBlock) {
      const size_t count = std::min(kBlock, size_ - at);
      std::array<float, kBlock> sums{};
      for (const int32_t pair : pairs) add_block(from(pair) + at, weights[pair], count, sums);
      for (size_t i = 0; i < count; ++i) to[at + i] = T(sums[i]);
    }
  }

  static void add_block(const T* x, float weight, size_t count, std::array<float, kBlock>& sums) {
    if (count == kBlock) {
      for (size_t i = 0; i < kBlock; ++i) sums[i] += weight * static_cast<float>(x[i]);
    } else {
      for (size_t i = 0; i < count; ++i) sums[i] += weight * static_cast<float>(x[i]);
    }
  }

  int64_t rows_;
  size_t size_;
  int64_t tokens_;
  int64_t pairs_;
};

}  // namespace

std::unique_ptr<Routine> make_sum_rows(const Instruction& x) {
  if (x.shape().type() == DType::bf16) return std::make_unique<SumRows<BF16>>(x);
  return std::make_unique<SumRows<float>>(x);
}

}  // namespace gshard::cpu
