// cholesky and triangular-solve, computed in double (or complex of double) whatever the operands' type.
#include <cmath>
#include <complex>
#include <limits>
#include <utility>

#include "eval/elements.h"
#include "eval/evaluator.h"
#include "eval/matmul.h"
#include "eval/movement.h"

namespace gshard {
namespace {

using Complex = std::complex<double>;

double conjugated(double x) { return x; }
Complex conjugated(Complex x) { return std::conj(x); }

// A matrix as the solvers see it: transposed and conjugated on reading where `conjugate` says so.
template <class T>
struct Matrix {
  MatrixView<T> view;
  bool conjugate = false;

  T get(int64_t row, int64_t column) const {
    const T x = view.data[row * view.row_stride + column * view.column_stride];
    return conjugate ? conjugated(x) : x;
  }
  void set(int64_t row, int64_t column, T x) const {
    view.data[row * view.row_stride + column * view.column_stride] = x;
  }
};

// Calls body.operator()<T>() with double or Complex.
template <class Body>
void with_solver_type(DType type, Body&& body) {
  return type == DType::c128 ? body.template operator()<Complex>() : body.template operator()<double>();
}

DType solver_type(DType type) { return is_complex(type) ? DType::c128 : DType::f64; }

// ---- cholesky -----------------------------------------------------------------------------------------------------

// Writes l with l * l^H = a into the lower triangle of `l`, which is zero before. False where a is not positive
// definite.
template <class T>
bool factorize(int64_t n, const Matrix<const T>& a, const Matrix<T>& l) {
  for (int64_t j = 0; j < n; ++j) {
    double pivot = std::real(a.get(j, j));
    for (int64_t k = 0; k < j; ++k) pivot -= std::norm(l.get(j, k));
    if (!(pivot > 0)) return false;
    const double root = std::sqrt(pivot);
    l.set(j, j, root);
    for (int64_t i = j + 1; i < n; ++i) {
      T sum = a.get(i, j);
      for (int64_t k = 0; k < j; ++k) sum -= l.get(i, k) * conjugated(l.get(j, k));
      l.set(i, j, sum / root);
    }
  }
  return true;
}

// An upper factor u with u^H * u = a is the transposed conjugate of the lower one: read and written so.
template <class T>
void factorize_all(const Literal& operand, Literal& result, bool lower) {
  const int64_t n = operand.shape().dims().back();
  const T* a = operand.values<T>().data();
  T* factor = result.mutable_values<T>().data();
  const int64_t row = lower ? n : 1;
  const int64_t column = lower ? 1 : n;
  for (int64_t i = 0; i < operand.shape().element_count(); i += n * n) {
    // Of the conjugated upper triangle the factor comes out conjugated twice: what is stored is the factor of a^T.
    if (factorize<T>(n, {{a + i, row, column}}, {{factor + i, row, column}})) continue;
    std::fill_n(factor + i, n * n, T(std::numeric_limits<double>::quiet_NaN()));
  }
}

// ---- triangular-solve ---------------------------------------------------------------------------------------------

// x becomes the solution of a * x = x, one column at a time; a is lower or upper triangular.
template <class T>
struct TriangularSystem {
  int64_t n;
  Matrix<const T> a;
  bool lower;
  bool unit_diagonal;

  void solve(const MatrixView<T>& x, int64_t columns) const {
    for (int64_t step = 0; step < n; ++step) {
      const int64_t i = lower ? step : n - 1 - step;
      T* row = x.data + i * x.row_stride;
      for (int64_t k = lower ? 0 : i + 1; k < (lower ? i : n); ++k) {
        const T factor = a.get(i, k);
        const T* solved = x.data + k * x.row_stride;
        for (int64_t j = 0; j < columns; ++j) row[j * x.column_stride] -= factor * solved[j * x.column_stride];
      }
      if (unit_diagonal) continue;
      const T pivot = a.get(i, i);
      for (int64_t j = 0; j < columns; ++j) row[j * x.column_stride] /= pivot;
    }
  }
};

template <class T>
void solve_all(const TriangularSolveAttrs& attrs, const Literal& a, Literal& b) {
  const int64_t n = a.shape().dims().back();
  const int64_t rows = b.shape().dim(b.shape().rank() - 2);
  const int64_t columns = b.shape().dims().back();
  // x * op(a) = b is op(a)^T * x^T = b^T.
  const bool transposes = (attrs.transpose_a != TransposeA::NO_TRANSPOSE) != !attrs.left_side;
  TriangularSystem<T> system{
      n, {{nullptr, n, 1}, attrs.transpose_a == TransposeA::ADJOINT}, attrs.lower != transposes, attrs.unit_diagonal};
  MatrixView<T> x{nullptr, columns, 1};
  if (transposes) system.a.view = system.a.view.transposed();
  if (!attrs.left_side) x = x.transposed();
  const int64_t count = n == 0 ? 0 : a.shape().element_count() / (n * n);
  for (int64_t i = 0; i < count; ++i) {
    system.a.view.data = a.values<T>().data() + i * n * n;
    x.data = b.mutable_values<T>().data() + i * rows * columns;
    system.solve(x, attrs.left_side ? columns : rows);
  }
}

}  // namespace

Literal eval_cholesky(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const DType type = solver_type(operands[0].shape().type());
  const Literal a = convert_elements(operands[0], type);
  Literal result(a.shape());
  if (a.shape().element_count() > 0) {
    with_solver_type(type, [&]<class T>() { factorize_all<T>(a, result, instruction.attrs<CholeskyAttrs>().lower); });
  }
  return convert_elements(result, instruction.shape().type());
}

Literal eval_triangular_solve(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const DType type = solver_type(operands[0].shape().type());
  const Literal a = convert_elements(operands[0], type);
  Literal b = convert_elements(operands[1], type);
  with_solver_type(type, [&]<class T>() { solve_all<T>(instruction.attrs<TriangularSolveAttrs>(), a, b); });
  return convert_elements(b, instruction.shape().type());
}

}  // namespace gshard
