// Gradients of products.
#include "autodiff/gradients.h"
#include "autodiff/permutation.h"
#include "ops/build.h"

namespace gshard {
namespace {

Dims counting_from(size_t start, size_t count) {
  Dims dims;
  for (size_t i = 0; i < count; ++i) dims.push_back(static_cast<int64_t>(start + i));
  return dims;
}

Dims joined(const Dims& a, const Dims& b) {
  Dims all = a;
  all.append({b.data(), b.size()});
  return all;
}

Dims taken(const Dims& dims, const Dims& places) {
  Dims some;
  for (const int64_t place : places) some.push_back(dims[static_cast<size_t>(place)]);
  return some;
}

// The dimensions of one dot: its result has the batch dimensions, the free ones of the left, those of the right.
struct Contraction {
  explicit Contraction(const Pullback& p)
      : attrs(p.attrs<DotAttrs>()),
        lhs_free(others(joined(attrs.lhs_batch_dims, attrs.lhs_contracting_dims), p.operand(0).rank())),
        rhs_free(others(joined(attrs.rhs_batch_dims, attrs.rhs_contracting_dims), p.operand(1).rank())) {}

  const DotAttrs& attrs;
  Dims lhs_free;
  Dims rhs_free;

  Dims batch() const { return counting_from(0, attrs.lhs_batch_dims.size()); }
  Dims lhs_in_result() const { return counting_from(batch().size(), lhs_free.size()); }
  Dims rhs_in_result() const { return counting_from(batch().size() + lhs_free.size(), rhs_free.size()); }
  DotAttrs with(const Dims& lhs_batch, const Dims& lhs_contracting, const Dims& rhs_batch,
                const Dims& rhs_contracting) const {
    return {lhs_batch, lhs_contracting, rhs_batch, rhs_contracting, attrs.operand_precision, attrs.algorithm};
  }
};

// In the type of the factors, where they are of one: products of narrow numbers that were added up wide are
// differentiated by products of narrow numbers.
Value in_type_of_factors(const Pullback& p) {
  const DType type = p.operand(0).type();
  return type == p.operand(1).type() ? convert(p.cotangent(), type) : p.cotangent();
}

// The cotangent times the right, in the order batch, free, contracted.
Value gradient_of_left(const Pullback& p, const Contraction& c, Value cotangent) {
  const DotAttrs attrs = c.with(c.batch(), c.rhs_in_result(), c.attrs.rhs_batch_dims, c.rhs_free);
  const Value product = dot(cotangent, p.operand(1), attrs, p.operand(0).type());
  const Dims contracted = taken(c.attrs.lhs_contracting_dims, inverse(ranks_of(c.attrs.rhs_contracting_dims)));
  return transposed(product, inverse(joined(joined(c.attrs.lhs_batch_dims, c.lhs_free), contracted)));
}

// The left times the cotangent, in the order batch, contracted, free.
Value gradient_of_right(const Pullback& p, const Contraction& c, Value cotangent) {
  const DotAttrs attrs = c.with(c.attrs.lhs_batch_dims, c.lhs_free, c.batch(), c.lhs_in_result());
  const Value product = dot(p.operand(0), cotangent, attrs, p.operand(1).type());
  const Dims contracted = taken(c.attrs.rhs_contracting_dims, inverse(ranks_of(c.attrs.lhs_contracting_dims)));
  return transposed(product, inverse(joined(joined(c.attrs.rhs_batch_dims, contracted), c.rhs_free)));
}

}  // namespace

void gradient_dot(Pullback& p) {
  const Contraction c(p);
  const Value cotangent = in_type_of_factors(p);
  p.give(0, [&] { return gradient_of_left(p, c, cotangent); });
  p.give(1, [&] { return gradient_of_right(p, c, cotangent); });
}

}  // namespace gshard
