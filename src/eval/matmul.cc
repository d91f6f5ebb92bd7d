#include "eval/matmul.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace gshard {
namespace {

// A tile of c is held in registers while a strip of a and a strip of b pass by. Both are packed, so that the inner
// loop reads memory in order whatever the layouts were.
template <class T>
struct Tile {
  static constexpr int64_t rows = 4;
  static constexpr int64_t columns = sizeof(T) >= 16 ? 2 : 32 / static_cast<int64_t>(sizeof(T));
};
// Packed strips of a (kRowBlock x kDepth) stay in the second cache, one strip of b (Tile columns x kDepth) in the
// first.
constexpr int64_t kRowBlock = 128;
constexpr int64_t kDepth = 256;
// Below this many products packing costs more than it saves.
constexpr int64_t kSmall = 1024;

// to[p * width + i] = from(i, p) for i < count, zeros for count <= i < width.
template <class T>
void pack_strip(MatrixView<const T> from, int64_t count, int64_t depth, int64_t width, T* to) {
  if (count < width) std::fill_n(to, width * depth, T{});
  if (from.row_stride == 1) {
    for (int64_t p = 0; p < depth; ++p) {
      for (int64_t i = 0; i < count; ++i) to[p * width + i] = from.data[i + p * from.column_stride];
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const T* line = from.data + i * from.row_stride;
    for (int64_t p = 0; p < depth; ++p) to[p * width + i] = line[p * from.column_stride];
  }
}

// All strips of `width` rows of a matrix of count x depth, one behind the other.
template <class T>
void pack(MatrixView<const T> from, int64_t count, int64_t depth, int64_t width, std::vector<T>& to) {
  to.resize(static_cast<size_t>((count + width - 1) / width * width * depth));
  for (int64_t i = 0; i < count; i += width) {
    pack_strip<T>({from.data + i * from.row_stride, from.row_stride, from.column_stride}, std::min(width, count - i),
                  depth, width, to.data() + i * depth);
  }
}

template <class T>
using TileValues = std::array<std::array<T, Tile<T>::columns>, Tile<T>::rows>;

template <class T>
inline void multiply_tile(int64_t depth, const T* __restrict a, const T* __restrict b, TileValues<T>& sums) {
  TileValues<T> local = sums;
  for (int64_t p = 0; p < depth; ++p) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < Tile<T>::rows; ++i) {
#pragma GCC unroll 8
      for (int64_t j = 0; j < Tile<T>::columns; ++j) local[i][j] += a[i] * b[j];
    }
    a += Tile<T>::rows;
    b += Tile<T>::columns;
  }
  sums = local;
}

template <class T>
void add_tile(MatmulSize size, const T* a, const T* b, MatrixView<T> c) {
  TileValues<T> sums{};
  for (int64_t i = 0; i < size.m; ++i) {
    for (int64_t j = 0; j < size.n; ++j) sums[i][j] = c.data[i * c.row_stride + j * c.column_stride];
  }
  multiply_tile<T>(size.k, a, b, sums);
  for (int64_t i = 0; i < size.m; ++i) {
    for (int64_t j = 0; j < size.n; ++j) c.data[i * c.row_stride + j * c.column_stride] = sums[i][j];
  }
}

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

}  // namespace

template <class T>
void matmul_add(MatmulSize size, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c) {
  if (size.m * size.n < kSmall && size.m * size.n * size.k < kSmall) return multiply_small(size, a, b, c);
  // The tile is wider than high: the longer side lies along its columns where the other would not fill it.
  if (size.n < Tile<T>::columns && size.m > size.n) {
    return matmul_add<T>({size.n, size.m, size.k}, b.transposed(), a.transposed(), c.transposed());
  }
  std::vector<T> rows;
  std::vector<T> columns;
  for (int64_t p = 0; p < size.k; p += kDepth) {
    const int64_t depth = std::min(kDepth, size.k - p);
    for (int64_t i = 0; i < size.m; i += kRowBlock) {
      const int64_t height = std::min(kRowBlock, size.m - i);
      pack<T>({a.data + i * a.row_stride + p * a.column_stride, a.row_stride, a.column_stride}, height, depth,
              Tile<T>::rows, rows);
      for (int64_t j = 0; j < size.n; j += Tile<T>::columns) {
        const int64_t width = std::min(Tile<T>::columns, size.n - j);
        pack<T>({b.data + p * b.row_stride + j * b.column_stride, b.column_stride, b.row_stride}, width, depth,
                Tile<T>::columns, columns);
        for (int64_t r = 0; r < height; r += Tile<T>::rows) {
          add_tile<T>({std::min(Tile<T>::rows, height - r), width, depth}, rows.data() + r * depth, columns.data(),
                      {c.data + (i + r) * c.row_stride + j * c.column_stride, c.row_stride, c.column_stride});
        }
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
