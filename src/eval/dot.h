// What dot, ragged-dot, scaled-dot and convolution share: the type in which they add up, and operands packed as
// matrices of that type.
#pragma once

#include <initializer_list>
#include <utility>

#include "eval/matmul.h"
#include "ir/literal.h"

namespace gshard {

// Whether a product is all zeros, or nothing, because one of the shapes has no elements. Then there may be very many
// empty matrices, through which no loop should go.
bool any_empty(std::initializer_list<Shape> shapes);

// The type in which products of `lhs` and `rhs` are added up for a result of type `result`: f32 or f64 for real
// floats, which are rounded once at the end; u32 or u64 for integers, which wrap as the result would; c64 or c128.
DType accumulator_type(DType result, DType lhs, DType rhs);

// Calls body.operator()<T>() with the C++ type of an accumulator type.
template <class Body>
void with_accumulator(DType type, Body&& body) {
  switch (type) {
    case DType::f32:
      return body.template operator()<float>();
    case DType::f64:
      return body.template operator()<double>();
    case DType::u32:
      return body.template operator()<uint32_t>();
    case DType::u64:
      return body.template operator()<uint64_t>();
    case DType::c64:
      return body.template operator()<ComplexNumber<float>>();
    default:
      GSHARD_CHECK(type == DType::c128);
      return body.template operator()<ComplexNumber<double>>();
  }
}

// An operand of a product as `batch` matrices of free x contracted elements, in an accumulator type.
class MatrixOperand {
 public:
  // The dimensions that are in neither list are the free ones, in their order.
  MatrixOperand(const Literal& operand, const Dims& batch, const Dims& contracted, DType type);

  int64_t batch_count() const { return batch_count_; }
  int64_t free_count() const { return free_count_; }
  int64_t contracted_count() const { return contracted_count_; }
  const Dims& free_dims() const { return free_dims_; }

  // Matrix number `batch`: rows are free, columns are contracted.
  template <class T>
  MatrixView<const T> matrix(int64_t batch) const {
    const T* data = values_.values<T>().data() + batch * free_count_ * contracted_count_;
    if (contracted_first_) return {data, 1, free_count_};
    return {data, contracted_count_, 1};
  }

 private:
  Literal values_;
  Dims free_dims_;
  int64_t batch_count_ = 1;
  int64_t free_count_ = 1;
  int64_t contracted_count_ = 1;
  bool contracted_first_ = false;
};

// out[batch] += a[batch] * b[batch] transposed; out lies as [batch, free of a, free of b].
template <class T>
void multiply(const MatrixOperand& a, const MatrixOperand& b, T* out) {
  const MatmulSize size = {a.free_count(), b.free_count(), a.contracted_count()};
  for (int64_t i = 0; i < a.batch_count(); ++i) {
    matmul_add<T>(size, a.matrix<T>(i), b.matrix<T>(i).transposed(), {out + i * size.m * size.n, size.n, 1});
  }
}

}  // namespace gshard
