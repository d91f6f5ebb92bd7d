#include "eval/strided.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "base/error.h"

namespace gshard {
namespace {

// Side of the square in which a transposition moves: its rows and columns stay in the first cache.
constexpr int64_t kTile = 16;

template <size_t Size>
inline void copy_element(std::byte* to, const std::byte* from) {
  std::memcpy(to, from, Size);
}

using CopyFunction = void (*)(const CopyBlock& block, std::byte* to, const std::byte* from);

template <size_t Size>
void copy_one(const CopyBlock&, std::byte* to, const std::byte* from) {
  copy_element<Size>(to, from);
}

template <size_t Size>
void copy_rows(const CopyBlock& block, std::byte* to, const std::byte* from) {
  const size_t bytes = static_cast<size_t>(block.columns) * Size;
  constexpr auto kSize = static_cast<int64_t>(Size);
  for (int64_t row = 0; row < block.rows; ++row) {
    std::memcpy(to + row * block.to_row * kSize, from + row * block.from_row * kSize, bytes);
  }
}

template <size_t Size>
void fill_rows(const CopyBlock& block, std::byte* to, const std::byte* from) {
  constexpr auto kSize = static_cast<int64_t>(Size);
  for (int64_t row = 0; row < block.rows; ++row) {
    std::byte* row_to = to + row * block.to_row * kSize;
    std::byte value[Size];
    copy_element<Size>(value, from + row * block.from_row * kSize);
    for (int64_t i = 0; i < block.columns; ++i) copy_element<Size>(row_to + i * kSize, value);
  }
}

template <size_t Size>
void copy_elements(const CopyBlock& block, std::byte* to, const std::byte* from) {
  constexpr auto kSize = static_cast<int64_t>(Size);
  for (int64_t row = 0; row < block.rows; ++row) {
    std::byte* row_to = to + row * block.to_row * kSize;
    const std::byte* row_from = from + row * block.from_row * kSize;
    for (int64_t i = 0; i < block.columns; ++i) {
      copy_element<Size>(row_to + i * block.to_column * kSize, row_from + i * block.from_column * kSize);
    }
  }
}

template <size_t Size>
void copy_tiles(const CopyBlock& block, std::byte* to, const std::byte* from) {
  constexpr auto kSize = static_cast<int64_t>(Size);
  CopyBlock tile = block;
  for (int64_t row = 0; row < block.rows; row += kTile) {
    tile.rows = std::min(kTile, block.rows - row);
    for (int64_t column = 0; column < block.columns; column += kTile) {
      tile.columns = std::min(kTile, block.columns - column);
      copy_elements<Size>(tile, to + (row * block.to_row + column * block.to_column) * kSize,
                          from + (row * block.from_row + column * block.from_column) * kSize);
    }
  }
}

template <size_t Size>
CopyFunction copy_of_size(const CopyBlock& block) {
  if (block.columns == 1 && block.rows == 1) return copy_one<Size>;
  if (block.to_column == 1 && block.from_column == 1) return copy_rows<Size>;
  if (block.to_column == 1 && block.from_column == 0) return fill_rows<Size>;
  if (block.from_row == 1 && block.rows > 1) return copy_tiles<Size>;
  return copy_elements<Size>;
}

CopyFunction copy_for(const CopyBlock& block, int64_t element_size) {
  switch (element_size) {
    case 1:
      return copy_of_size<1>(block);
    case 2:
      return copy_of_size<2>(block);
    case 4:
      return copy_of_size<4>(block);
    case 8:
      return copy_of_size<8>(block);
    default:
      GSHARD_CHECK(element_size == 16);
      return copy_of_size<16>(block);
  }
}

}  // namespace

void join_dimensions(Dims& sizes, Dims* strides, size_t count) {
  size_t kept = 0;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 1) continue;
    const auto follows = [&](const Dims& stride) { return stride[kept - 1] == stride[d] * sizes[d]; };
    const bool joins = kept > 0 && std::all_of(strides, strides + count, follows);
    if (!joins) ++kept;
    sizes[kept - 1] = joins ? sizes[kept - 1] * sizes[d] : sizes[d];
    for (size_t n = 0; n < count; ++n) strides[n][kept - 1] = strides[n][d];
  }
  sizes.resize(kept);
  for (size_t n = 0; n < count; ++n) strides[n].resize(kept);
}

int64_t offset_of(const Dims& index, const Dims& strides) {
  int64_t offset = 0;
  for (size_t d = 0; d < index.size(); ++d) offset += index[d] * strides[d];
  return offset;
}

bool is_among(int64_t d, const Dims& dims) { return std::find(dims.begin(), dims.end(), d) != dims.end(); }

Dims select_dims(const Dims& values, const Dims& dimensions) {
  Dims selected;
  for (int64_t d : dimensions) selected.push_back(values[static_cast<size_t>(d)]);
  return selected;
}

Dims inverse_permutation(const Dims& permutation) {
  Dims inverse(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i)
    inverse[static_cast<size_t>(permutation[i])] = static_cast<int64_t>(i);
  return inverse;
}

Dims physical_order(const Shape& shape) {
  Dims order;
  const auto& layout = shape.layout();
  const bool given = layout != nullptr && layout->minor_to_major.size() == shape.rank();
  for (size_t d = 0; d < shape.rank(); ++d) {
    order.push_back(given ? layout->minor_to_major[shape.rank() - 1 - d] : static_cast<int64_t>(d));
  }
  return order;
}

bool next_index(Dims& index, const Dims& sizes) {
  for (size_t d = index.size(); d-- > 0;) {
    if (++index[d] < sizes[d]) return true;
    index[d] = 0;
  }
  return false;
}

// ---- StridedCopy ------------------------------------------------------------------------------------------------

StridedCopy::StridedCopy(Dims sizes, Dims to_strides, Dims from_strides, int64_t element_size)
    : element_size_(element_size) {
  empty_ = is_among(0, sizes);
  std::array<Dims, 2> strides = {std::move(to_strides), std::move(from_strides)};
  if (!empty_) join_dimensions(sizes, strides.data(), 2);
  const auto take = [&](size_t d) {
    const std::array<int64_t, 3> loop = {sizes[d], strides[0][d], strides[1][d]};
    sizes.erase(sizes.begin() + d);
    for (Dims& stride : strides) stride.erase(stride.begin() + d);
    return loop;
  };
  if (!empty_ && !sizes.empty()) {
    std::tie(block_.columns, block_.to_column, block_.from_column) = std::tuple_cat(take(sizes.size() - 1));
  }
  if (!empty_ && !sizes.empty()) {
    // A dimension along which `from` is contiguous makes a transposition that can be done in tiles.
    const auto contiguous = std::find(strides[1].begin(), strides[1].end(), 1);
    const bool tiles = block_.from_column != 1 && contiguous != strides[1].end();
    const size_t row = tiles ? static_cast<size_t>(contiguous - strides[1].begin()) : sizes.size() - 1;
    std::tie(block_.rows, block_.to_row, block_.from_row) = std::tuple_cat(take(row));
  }
  copy_block_ = copy_for(block_, element_size);
  one_block_ = sizes.empty();
  outer_ = StridedLoop<2>(std::move(sizes), std::move(strides));
}

void StridedCopy::run(std::byte* to, const std::byte* from) const {
  if (empty_) return;
  if (one_block_) return copy_block_(block_, to, from);
  const int64_t run = outer_.run_length();
  const int64_t to_step = outer_.run_strides()[0] * element_size_;
  const int64_t from_step = outer_.run_strides()[1] * element_size_;
  outer_.run([&](const std::array<int64_t, 2>& offsets) {
    std::byte* row_to = to + offsets[0] * element_size_;
    const std::byte* row_from = from + offsets[1] * element_size_;
    for (int64_t i = 0; i < run; ++i) copy_block_(block_, row_to + i * to_step, row_from + i * from_step);
  });
}

}  // namespace gshard
