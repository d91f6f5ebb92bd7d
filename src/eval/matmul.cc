#include "eval/matmul.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace gshard {
namespace {

// A tile of c is held in registers while a strip of a and a strip of b pass by. Both are packed, so that the inner
// loop reads memory in order whatever the layouts were.
template <class T, int64_t kRows, int64_t kBytes>
struct Tile {
  static constexpr int64_t rows = kRows;
  static constexpr int64_t columns = kBytes / static_cast<int64_t>(sizeof(T));
  using Values = std::array<std::array<T, columns>, rows>;
};
// A packed block of a (kRowBlock x kDepth) and one of b (kDepth x kColumnBlock) stay in the second cache, one strip of
// b in the first.
constexpr int64_t kRowBlock = 128;
constexpr int64_t kColumnBlock = 256;
constexpr int64_t kDepth = 256;
// Below this many products packing costs more than it saves.
constexpr int64_t kSmall = 1024;

// Packs count x depth elements into strips of `width` rows, one behind the other; element (i, p) of a strip stands at
// p * width + i. Rows that are missing in the last strip are zeros. `from` is read along its contiguous side.
template <class T>
void pack(MatrixView<const T> from, int64_t count, int64_t depth, int64_t width, std::vector<T>& to) {
  const int64_t padded = (count + width - 1) / width * width;
  to.resize(static_cast<size_t>(padded * depth));
  const auto strip_of = [&](int64_t i) { return to.data() + i / width * width * depth; };
  if (padded > count) std::fill_n(strip_of(count), width * depth, T{});
  if (from.row_stride == 1) {
    for (int64_t p = 0; p < depth; ++p) {
      const T* line = from.data + p * from.column_stride;
      for (int64_t i = 0; i < count; i += width) {
        std::copy_n(line + i, std::min(width, count - i), strip_of(i) + p * width);
      }
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const T* line = from.data + i * from.row_stride;
    T* strip = strip_of(i) + i % width;
    for (int64_t p = 0; p < depth; ++p) strip[p * width] = line[p * from.column_stride];
  }
}

template <class Tile, class T>
inline void multiply_tile(int64_t depth, const T* __restrict a, const T* __restrict b, typename Tile::Values& sums) {
  typename Tile::Values local = sums;
  for (int64_t p = 0; p < depth; ++p) {
#pragma GCC unroll 8
    for (int64_t i = 0; i < Tile::rows; ++i) {
#pragma GCC unroll 32
      for (int64_t j = 0; j < Tile::columns; ++j) local[i][j] += a[i] * b[j];
    }
    a += Tile::rows;
    b += Tile::columns;
  }
  sums = local;
}

template <class Tile, class T>
inline void add_tile(MatmulSize size, const T* a, const T* b, MatrixView<T> c) {
  typename Tile::Values sums{};
  for (int64_t i = 0; i < size.m; ++i) {
    for (int64_t j = 0; j < size.n; ++j) sums[i][j] = c.data[i * c.row_stride + j * c.column_stride];
  }
  multiply_tile<Tile>(size.k, a, b, sums);
  for (int64_t i = 0; i < size.m; ++i) {
    for (int64_t j = 0; j < size.n; ++j) c.data[i * c.row_stride + j * c.column_stride] = sums[i][j];
  }
}

// The product of a packed block of a and one of b.
template <class Tile, class T>
inline void add_block(MatmulSize size, const T* a, const T* b, MatrixView<T> c) {
  for (int64_t j = 0; j < size.n; j += Tile::columns) {
    for (int64_t i = 0; i < size.m; i += Tile::rows) {
      const MatmulSize tile = {std::min(Tile::rows, size.m - i), std::min(Tile::columns, size.n - j), size.k};
      add_tile<Tile>(tile, a + i * size.k, b + j * size.k, part_of(c, i, j));
    }
  }
}

// What adds the product of packed blocks, and the tile that they are packed for.
template <class T>
struct BlockCode {
  int64_t rows;
  int64_t columns;
  void (*add)(MatmulSize size, const T* a, const T* b, MatrixView<T> c);
};
template <class Tile, class T>
constexpr BlockCode<T> code_of(void (*add)(MatmulSize, const T*, const T*, MatrixView<T>)) {
  return {Tile::rows, Tile::columns, add};
}

template <class T>
using PlainTile = Tile<T, 4, 32>;

#if defined(__x86_64__)
// The same code for wider registers; products and sums are rounded one by one there too.
template <class T>
using WideTile = Tile<T, 4, 64>;
template <class T>
using WidestTile = Tile<T, 8, 128>;

template <class T>
__attribute__((flatten, target("avx2"))) void add_wide(MatmulSize size, const T* a, const T* b, MatrixView<T> c) {
  add_block<WideTile<T>>(size, a, b, c);
}
template <class T>
__attribute__((flatten, target("avx512f,avx512dq,prefer-vector-width=512"))) void add_widest(MatmulSize size,
                                                                                             const T* a, const T* b,
                                                                                             MatrixView<T> c) {
  add_block<WidestTile<T>>(size, a, b, c);
}

template <class T>
BlockCode<T> code_for_machine() {
  if constexpr (!std::is_arithmetic_v<T>) return code_of<PlainTile<T>, T>(add_block<PlainTile<T>, T>);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
    return code_of<WidestTile<T>, T>(add_widest<T>);
  }
  if (__builtin_cpu_supports("avx2")) return code_of<WideTile<T>, T>(add_wide<T>);
  return code_of<PlainTile<T>, T>(add_block<PlainTile<T>, T>);
}
#else
template <class T>
BlockCode<T> code_for_machine() {
  return code_of<PlainTile<T>, T>(add_block<PlainTile<T>, T>);
}
#endif

template <class T>
void multiply_small(MatmulSize size, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c) {
  for (int64_t i = 0; i < size.m; ++i) {
    for (int64_t j = 0; j < size.n; ++j) {
      T sum = c.data[i * c.row_stride + j * c.column_stride];
      for (int64_t p = 0; p < size.k; ++p) {
        sum += a.data[i * a.row_stride + p * a.column_stride] * b.data[p * b.row_stride + j * b.column_stride];
      }
      c.data[i * c.row_stride + j * c.column_stride] = sum;
    }
  }
}

// One row of a: every element of b is used once, so that packing it does not pay. Columns are taken a few at a time,
// each with its own sum, or all along a row of b.
template <class T>
void multiply_row(MatmulSize size, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c) {
  constexpr int64_t kColumns = 8;
  if (b.column_stride == 1 && c.column_stride == 1) {
    for (int64_t p = 0; p < size.k; ++p) {
      const T factor = a.data[p * a.column_stride];
      const T* row = b.data + p * b.row_stride;
      for (int64_t j = 0; j < size.n; ++j) c.data[j] += factor * row[j];
    }
    return;
  }
  for (int64_t j = 0; j < size.n; j += kColumns) {
    const int64_t count = std::min(kColumns, size.n - j);
    std::array<T, kColumns> sums{};
    for (int64_t i = 0; i < count; ++i) sums[i] = c.data[(j + i) * c.column_stride];
    const T* columns = b.data + j * b.column_stride;
    for (int64_t p = 0; p < size.k; ++p) {
      const T factor = a.data[p * a.column_stride];
      const T* row = columns + p * b.row_stride;
      for (int64_t i = 0; i < count; ++i) sums[i] += factor * row[i * b.column_stride];
    }
    for (int64_t i = 0; i < count; ++i) c.data[(j + i) * c.column_stride] = sums[i];
  }
}

}  // namespace

template <class T>
void matmul_add(MatmulSize size, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c) {
  if (size.m * size.n < kSmall && size.m * size.n * size.k < kSmall) return multiply_small(size, a, b, c);
  static const BlockCode<T> code = code_for_machine<T>();
  // The tile is wider than high: the longer side lies along its columns where the other would not fill it.
  if (size.n < code.columns && size.m > size.n) {
    return matmul_add<T>({size.n, size.m, size.k}, b.transposed(), a.transposed(), c.transposed());
  }
  if (size.m == 1) return multiply_row(size, a, b, c);
  std::vector<T> rows;
  std::vector<T> columns;
  for (int64_t p = 0; p < size.k; p += kDepth) {
    const int64_t depth = std::min(kDepth, size.k - p);
    for (int64_t j = 0; j < size.n; j += kColumnBlock) {
      const int64_t width = std::min(kColumnBlock, size.n - j);
      pack<T>(part_of(b, p, j).transposed(), width, depth, code.columns, columns);
      for (int64_t i = 0; i < size.m; i += kRowBlock) {
        const int64_t height = std::min(kRowBlock, size.m - i);
        pack<T>(part_of(a, i, p), height, depth, code.rows, rows);
        code.add({height, width, depth}, rows.data(), columns.data(), part_of(c, i, j));
      }
    }
  }
}

template void matmul_add(MatmulSize, MatrixView<const float>, MatrixView<const float>, MatrixView<float>);
template void matmul_add(MatmulSize, MatrixView<const double>, MatrixView<const double>, MatrixView<double>);
template void matmul_add(MatmulSize, MatrixView<const uint32_t>, MatrixView<const uint32_t>, MatrixView<uint32_t>);
template void matmul_add(MatmulSize, MatrixView<const uint64_t>, MatrixView<const uint64_t>, MatrixView<uint64_t>);
template void matmul_add(MatmulSize, MatrixView<const ComplexNumber<float>>, MatrixView<const ComplexNumber<float>>,
                         MatrixView<ComplexNumber<float>>);
template void matmul_add(MatmulSize, MatrixView<const ComplexNumber<double>>, MatrixView<const ComplexNumber<double>>,
                         MatrixView<ComplexNumber<double>>);

}  // namespace gshard
