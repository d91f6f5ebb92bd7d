#include "backend/cpu/sort_routine.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "backend/cpu/comparator.h"
#include "backend/cpu/scalar_code.h"
#include "backend/cpu/sort_keys.h"
#include "eval/dispatch.h"
#include "eval/merge_sort.h"

namespace gshard::cpu {
namespace {

// One line of all arrays along the sorted dimension: its first element, and the steps to the next, in elements.
struct Line {
  int64_t first;
  int64_t step;
};

// The memory of one thread for lines of n elements.
struct Scratch {
  std::span<uint32_t> order;
  std::span<uint32_t> other_order;
  std::span<std::byte> values;  // keys that are computed
  std::byte* keys;
  std::byte* items;

  static constexpr int64_t kBytes = 2 * sizeof(uint32_t) + 2 * sizeof(uint64_t) + 2 * sizeof(WideItem);
  Scratch(std::byte* memory, size_t n) {
    const auto take = [&](size_t bytes) { return std::exchange(memory, memory + bytes * n); };
    items = take(2 * sizeof(WideItem));
    keys = take(sizeof(uint64_t));
    values = {take(sizeof(uint64_t)), sizeof(uint64_t) * n};
    order = {reinterpret_cast<uint32_t*>(take(sizeof(uint32_t))), n};
    other_order = {reinterpret_cast<uint32_t*>(take(sizeof(uint32_t))), n};
  }
};

// A key of the comparator: an operand, or what is computed of the operands.
struct Column {
  KeyRule rule;
  size_t operand = 0;
  std::optional<ScalarCode> code = {};
};

std::optional<Column> column_of(const SortKey& key) {
  const DType type = key.value->shape().type();
  if (is_complex(type) || bytes_of(type) > 8) return std::nullopt;
  Column column{{type, key.total_order ? FloatOrder::total : FloatOrder::value, key.descending}};
  if (key.value->op() == Op::parameter) {
    column.operand = static_cast<size_t>(key.value->attrs<ParameterAttrs>().number) / 2;
    return column;
  }
  column.code = ScalarCode::of(*key.value);
  return column.code ? std::optional(std::move(column)) : std::nullopt;
}

bool may_have_no_place(const KeyRule& rule) { return is_floating(rule.type) && rule.order == FloatOrder::value; }

class SortRoutine : public Routine {
 public:
  SortRoutine(const Instruction& sort, std::vector<Column> columns, std::optional<ScalarCode> comparator, int64_t first)
      : columns_(std::move(columns)), comparator_(std::move(comparator)) {
    const Shape& shape = sort.operand(0)->shape();
    const auto dim = static_cast<size_t>(sort.attrs<SortAttrs>().dimensions[0]);
    n_ = static_cast<size_t>(shape.dim(dim));
    first_ = static_cast<size_t>(std::min(first, shape.dim(dim)));
    for (size_t d = dim + 1; d < shape.rank(); ++d) inner_ *= shape.dim(d);
    lines_ = shape.element_count() / std::max<int64_t>(shape.dim(dim), 1);
    for (const Instruction* operand : sort.operands()) widths_.push_back(bytes_of(operand->shape().type()));
  }

  std::string describe() const override {
    const std::string by = columns_.empty() ? "by comparing" : fmt::format("by {} keys", columns_.size());
    const std::string part = first_ < n_ ? fmt::format(", the first {}", first_) : "";
    return fmt::format("sort of {} rows of {} {}{}", lines_, n_, by, part);
  }
  int64_t workspace_bytes() const override { return parts().count() * bytes_of_part(); }

  std::vector<const Kernel*> kernels() const override {
    std::vector<const Kernel*> kernels;
    for (const Column& column : columns_) {
      if (column.code) kernels.push_back(&column.code->kernel());
    }
    if (comparator_) kernels.push_back(&comparator_->kernel());
    return kernels;
  }
  void set_functions(std::span<const KernelFunction> functions) override {
    size_t next = 0;
    for (Column& column : columns_) {
      if (column.code) column.code->set_function(functions[next++]);
    }
    if (comparator_) comparator_->set_function(functions[next++]);
  }

  void run(const Arrays& arrays, const ParallelLoop& loop) const override {
    if (n_ == 0) return;
    const RowParts cut = parts();
    loop(cut.count(), [&](int64_t part) {
      Scratch scratch(arrays.workspace + part * bytes_of_part(), n_);
      for (int64_t l = cut.first(part); l < cut.end(part); ++l) {
        const Line line{l / inner_ * inner_ * static_cast<int64_t>(n_) + l % inner_, inner_};
        find_order(arrays, line, scratch);
        for (size_t k = 0; k < widths_.size(); ++k) permute(arrays, k, line, scratch.order);
      }
    });
  }

 private:
  RowParts parts() const { return {lines_, static_cast<int64_t>(n_) * 8}; }
  int64_t bytes_of_part() const { return (static_cast<int64_t>(n_) * Scratch::kBytes + 63) / 64 * 64; }

  const std::byte* element(const Arrays& arrays, size_t operand, const Line& line, size_t i) const {
    return arrays.operands[operand] + (line.first + static_cast<int64_t>(i) * line.step) * widths_[operand];
  }

  void find_order(const Arrays& arrays, const Line& line, Scratch& scratch) const {
    std::iota(scratch.order.begin(), scratch.order.end(), 0U);
    // The key that decides last is sorted by first.
    for (size_t c = columns_.size(); c-- > 0;) {
      const bool is_only = columns_.size() == 1;
      const bool sorted = key_bits(columns_[c].rule.type) == 32 ? sort_by<uint32_t>(arrays, line, c, is_only, scratch)
                                                                : sort_by<uint64_t>(arrays, line, c, is_only, scratch);
      if (!sorted) return compare_all(arrays, line, scratch);
    }
    if (columns_.empty()) compare_all(arrays, line, scratch);
  }

  // Sorts by one column what is sorted by those after it; false where some element has no place in its order.
  template <class Key>
  bool sort_by(const Arrays& arrays, const Line& line, size_t c, bool is_only, Scratch& scratch) const {
    using T = decltype(item_of(Key{}, 0));
    const std::span<Key> keys(reinterpret_cast<Key*>(scratch.keys), n_);
    if (!read_column(arrays, line, columns_[c], scratch, keys)) return false;
    const std::span<T> items(reinterpret_cast<T*>(scratch.items), n_);
    for (size_t i = 0; i < n_; ++i) items[i] = item_of(keys[scratch.order[i]], i);
    if (is_only && first_ < n_) {
      const auto end = items.begin() + static_cast<std::ptrdiff_t>(first_);
      std::nth_element(items.begin(), end, items.end());
      std::sort(items.begin(), end);
    } else {
      sort_items(items, {items.data() + n_, n_}, key_bits(columns_[c].rule.type));
    }
    for (size_t i = 0; i < n_; ++i) scratch.other_order[i] = scratch.order[gshard::cpu::place_of(items[i])];
    std::swap(scratch.order, scratch.other_order);
    return true;
  }

  template <class Key>
  bool read_column(const Arrays& arrays, const Line& line, const Column& column, const Scratch& scratch,
                   std::span<Key> keys) const {
    if (!column.code) {
      const std::byte* first = element(arrays, column.operand, line, 0);
      return read_keys(column.rule, first, line.step * widths_[column.operand], keys);
    }
    const int64_t width = bytes_of(column.rule.type);
    for (size_t i = 0; i < n_; ++i) {
      column.code->run(scratch.values.data() + static_cast<int64_t>(i) * width,
                       [&](size_t parameter) { return element(arrays, parameter / 2, line, i); });
    }
    return read_keys(column.rule, scratch.values.data(), width, keys);
  }

  void compare_all(const Arrays& arrays, const Line& line, const Scratch& scratch) const {
    std::iota(scratch.order.begin(), scratch.order.end(), 0U);
    merge_sort(scratch.order, scratch.other_order, [&](uint32_t a, uint32_t b) {
      std::byte answer{};
      comparator_->run(
          &answer, [&](size_t parameter) { return element(arrays, parameter / 2, line, parameter % 2 == 0 ? a : b); });
      return answer != std::byte{0};
    });
  }

  void permute(const Arrays& arrays, size_t k, const Line& line, std::span<const uint32_t> order) const {
    with_bytes_of_width(widths_[k], [&]<class T>() {
      const T* from = reinterpret_cast<const T*>(arrays.operands[k]) + line.first;
      T* to = reinterpret_cast<T*>(arrays.results[k]) + line.first;
      for (size_t i = 0; i < first_; ++i) {
        to[static_cast<int64_t>(i) * line.step] = from[static_cast<int64_t>(order[i]) * line.step];
      }
    });
  }

  template <class F>
  static void with_bytes_of_width(int64_t width, F&& f) {
    constexpr DType kTypes[] = {DType::u8, DType::u16, DType::u32, DType::u64, DType::c128};
    for (const DType type : kTypes) {
      if (bytes_of(type) == width) return with_bytes(type, f);
    }
  }

  std::vector<Column> columns_;  // empty where the comparator decides
  std::optional<ScalarCode> comparator_;
  std::vector<int64_t> widths_;  // bytes of elements, by operand
  size_t n_;                     // elements of a line
  size_t first_;                 // of them that are looked at
  int64_t inner_ = 1;            // elements between neighbours of a line
  int64_t lines_;
};

}  // namespace

std::unique_ptr<Routine> make_sort(const Instruction& sort, const Wanted& wanted) {
  const auto dim = static_cast<size_t>(sort.attrs<SortAttrs>().dimensions[0]);
  if (sort.operand(0)->shape().dim(dim) >= int64_t{1} << kPlaceBits) return nullptr;
  const Computation& comparator = *sort.callees()[0];
  std::vector<Column> columns;
  bool needs_comparator = false;
  for (const SortKey& key : keys_of(comparator)) {
    std::optional<Column> column = column_of(key);
    if (!column) {
      columns.clear();
      break;
    }
    needs_comparator |= may_have_no_place(column->rule);
    columns.push_back(std::move(*column));
  }
  std::optional<ScalarCode> code;
  if (columns.empty() || needs_comparator) {
    code = ScalarCode::of(*comparator.root());
    if (!code) return nullptr;
  }
  return std::make_unique<SortRoutine>(sort, std::move(columns), std::move(code), wanted.first);
}

}  // namespace gshard::cpu
