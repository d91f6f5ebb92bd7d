// Gradients of matrix decompositions and of Fourier transforms. Matrices lie in the last two dimensions.
#include <algorithm>
#include <utility>

#include "autodiff/gradients.h"
#include "autodiff/gradients_pointwise.h"
#include "ir/dims.h"
#include "ops/build.h"

namespace gshard {
namespace {

Value transposed_matrix(Value x) {
  Dims order = counting(0, x.rank());
  std::swap(order[order.size() - 2], order[order.size() - 1]);
  return transpose(x, order);
}

Value product(Value a, Value b) {
  const Dims batch = counting(0, a.rank() - 2);
  const auto rows = static_cast<int64_t>(a.rank()) - 2;
  return dot(a, b,
             {.lhs_batch_dims = batch,
              .lhs_contracting_dims = {rows + 1},
              .rhs_batch_dims = batch,
              .rhs_contracting_dims = {rows},
              .operand_precision = {},
              .algorithm = {}});
}

// select(row `direction` column, x, 0).
Value triangle(Value x, Direction direction) {
  const Shape places = x.shape().with_type(DType::s32).without_layout();
  const auto last = static_cast<int64_t>(x.rank()) - 1;
  const Value row = iota(x.computation(), places, last - 1);
  const Value column = iota(x.computation(), places, last);
  return select(compare(row, column, direction), x, 0);
}

// The lower triangle, half of the diagonal.
Value half_lower(Value x) { return multiply(add(triangle(x, Direction::GE), triangle(x, Direction::GT)), 0.5); }

// 2 for the numbers that stand for two of a real transform, 1 for those that are their own conjugates.
Value weights_of_half(Value half, int64_t length) {
  const Shape places = half.shape().with_type(DType::s32).without_layout();
  const Value place = iota(half.computation(), places, static_cast<int64_t>(half.rank()) - 1);
  Value is_own = compare(place, 0, Direction::EQ);
  if (length % 2 == 0) is_own = or_(is_own, compare(place, length / 2, Direction::EQ));
  return select(is_own, full_like(half, 1), full_like(half, 2));
}

}  // namespace

// The strict triangle of the symmetric matrix is read once for both places, so it gets the cotangents of both.
void gradient_cholesky(Pullback& p) {
  if (is_complex(p.result().type())) p.refuse("of complex matrices it is not taken");
  const bool lower = p.attrs<CholeskyAttrs>().lower;
  const auto turned = [&](Value x) { return lower ? x : transposed_matrix(x); };
  p.give(0, [&] {
    const Value factor = triangle(turned(p.result()), Direction::GE);
    const Value inner = half_lower(product(transposed_matrix(factor), turned(p.cotangent())));
    const TriangularSolveAttrs left{
        .left_side = true, .lower = true, .unit_diagonal = false, .transpose_a = TransposeA::TRANSPOSE};
    const TriangularSolveAttrs right{
        .left_side = false, .lower = true, .unit_diagonal = false, .transpose_a = TransposeA::NO_TRANSPOSE};
    const Value both = triangular_solve(factor, triangular_solve(factor, inner, left), right);
    return turned(half_lower(add(both, transposed_matrix(both))));
  });
}

// The matrix is A, its transpose, or its conjugate transpose.
void gradient_triangular_solve(Pullback& p) {
  const auto& attrs = p.attrs<TriangularSolveAttrs>();
  const bool is_straight = attrs.transpose_a == TransposeA::NO_TRANSPOSE;
  const bool is_adjoint = attrs.transpose_a == TransposeA::ADJOINT;
  const Value a = is_adjoint ? conjugated(p.operand(0)) : p.operand(0);
  TriangularSolveAttrs back = attrs;
  back.transpose_a = is_straight ? TransposeA::TRANSPOSE : TransposeA::NO_TRANSPOSE;
  const Value of_b = triangular_solve(a, p.cotangent(), back);
  p.give(1, of_b);
  p.give(0, [&] {
    const Value x = transposed_matrix(p.result());
    const Value of_op = negate(attrs.left_side ? product(of_b, x) : product(x, of_b));
    const Value of_a = is_straight ? of_op : transposed_matrix(is_adjoint ? conjugated(of_op) : of_op);
    const Direction strict = attrs.lower ? Direction::GT : Direction::LT;
    const Direction whole = attrs.lower ? Direction::GE : Direction::LE;
    return triangle(of_a, attrs.unit_diagonal ? strict : whole);
  });
}

// The matrix of a Fourier transform is its own transpose. Transforms of real numbers leave out, or put in, the half
// that is the conjugate of the other.
void gradient_fft(Pullback& p) {
  const auto& attrs = p.attrs<FftAttrs>();
  p.give(0, [&] {
    const Value ct = p.cotangent();
    const auto last = static_cast<int64_t>(ct.rank()) - 1;
    switch (attrs.fft_type) {
      case FftType::FFT:
      case FftType::IFFT:
        return fft(ct, attrs.fft_type, attrs.fft_length);
      case FftType::RFFT: {
        Padding padding;
        padding.dims.resize(ct.rank());
        padding.dims.back().high = attrs.fft_length.back() - ct.dims().back();
        return real(fft(pad(ct, 0, padding), FftType::FFT, attrs.fft_length));
      }
      case FftType::IRFFT: {
        const Value all = fft(complex(ct, full_like(ct, 0)), FftType::IFFT, attrs.fft_length);
        const Value half = slice_in_dim(all, 0, p.operand(0).dims().back(), last);
        return multiply(half, weights_of_half(half, attrs.fft_length.back()));
      }
    }
    return ct;
  });
}

}  // namespace gshard
