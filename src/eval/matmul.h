// The one matrix product, under dot, ragged-dot, scaled-dot and convolution.
//
//   matmul_add<float>({.m = 2, .n = 3, .k = 4}, {a, 4, 1}, {b, 3, 1}, {c, 3, 1});   // c[2,3] += a[2,4] * b[4,3]
//
// Every element of c is summed in the order of k, one rounding per product and sum, so a result depends on nothing
// but its row and column: not on blocking, on the other sizes or on the machine.
#pragma once

#include <cstdint>

namespace gshard {

// Complex numbers multiply by the schoolbook formula, without std::complex's special cases for infinities.
template <class T>
struct ComplexNumber {
  T re = 0;
  T im = 0;
};
template <class T>
ComplexNumber<T> operator+(ComplexNumber<T> a, ComplexNumber<T> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class T>
ComplexNumber<T> operator*(ComplexNumber<T> a, ComplexNumber<T> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <class T>
ComplexNumber<T>& operator+=(ComplexNumber<T>& a, ComplexNumber<T> b) {
  return a = a + b;
}

struct MatmulSize {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
};

// Element (row, column) stands at data[row * row_stride + column * column_stride].
template <class T>
struct MatrixView {
  T* data;
  int64_t row_stride;
  int64_t column_stride;
  MatrixView transposed() const { return {data, column_stride, row_stride}; }
};

// The part of a matrix that begins at a row and column.
template <class T>
MatrixView<T> part_of(MatrixView<T> matrix, int64_t row, int64_t column) {
  return {matrix.data + row * matrix.row_stride + column * matrix.column_stride, matrix.row_stride,
          matrix.column_stride};
}

// c[m,n] += a[m,k] * b[k,n]. T is float, double, uint32_t, uint64_t (for all integers, which wrap) or ComplexNumber.
template <class T>
void matmul_add(MatmulSize size, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c);

}  // namespace gshard
