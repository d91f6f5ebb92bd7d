// Gradients of products.
#include <algorithm>

#include "autodiff/gradients.h"
#include "autodiff/permutation.h"
#include "ir/dims.h"
#include "ops/build.h"

namespace gshard {
namespace {

// The dimensions of a product: its result has the batch dimensions, the free ones of the left, those of the right.
template <class Attrs>
struct Contraction {
  // `groups`: the dimension of the right that only a ragged product has.
  explicit Contraction(const Pullback& p, const Dims& groups = {})
      : attrs(p.attrs<Attrs>()),
        lhs_free(others(joined(attrs.lhs_batch_dims, attrs.lhs_contracting_dims), p.operand(0).rank())),
        rhs_free(others(joined(attrs.rhs_batch_dims, attrs.rhs_contracting_dims, groups), p.operand(1).rank())) {}

  const Attrs& attrs;
  Dims lhs_free;
  Dims rhs_free;

  Dims batch() const { return counting(0, attrs.lhs_batch_dims.size()); }
  Dims lhs_in_result() const { return counting(batch().size(), lhs_free.size()); }
  Dims rhs_in_result() const { return counting(batch().size() + lhs_free.size(), rhs_free.size()); }

  // The product of the cotangent and the right, and that of the left and the cotangent.
  Attrs for_left() const { return with(batch(), rhs_in_result(), attrs.rhs_batch_dims, rhs_free); }
  Attrs for_right() const { return with(attrs.lhs_batch_dims, lhs_free, batch(), lhs_in_result()); }
  // The dimensions of the left in the order in which the first of these has them, batch, free, contracted, and of the
  // right in that of the second, batch, contracted, free.
  Dims left_in_order() const {
    const Dims contracted = taken(attrs.lhs_contracting_dims, inverse(ranks_of(attrs.rhs_contracting_dims)));
    return joined(attrs.lhs_batch_dims, lhs_free, contracted);
  }
  Dims right_in_order() const {
    const Dims contracted = taken(attrs.rhs_contracting_dims, inverse(ranks_of(attrs.lhs_contracting_dims)));
    return joined(attrs.rhs_batch_dims, contracted, rhs_free);
  }

 private:
  Attrs with(const Dims& lhs_batch, const Dims& lhs_contracting, const Dims& rhs_batch,
             const Dims& rhs_contracting) const {
    Attrs made = attrs;
    made.lhs_batch_dims = lhs_batch;
    made.lhs_contracting_dims = lhs_contracting;
    made.rhs_batch_dims = rhs_batch;
    made.rhs_contracting_dims = rhs_contracting;
    return made;
  }
};

// In the type of the factors, where they are of one: products of narrow numbers that were added up wide are
// differentiated by products of narrow numbers.
Value in_type_of_factors(const Pullback& p) {
  const DType type = p.operand(0).type();
  return type == p.operand(1).type() ? convert(p.cotangent(), type) : p.cotangent();
}

}  // namespace

void gradient_dot(Pullback& p) {
  const Contraction<DotAttrs> c(p);
  const Value cotangent = in_type_of_factors(p);
  p.give(0, [&] {
    const Value product = dot(cotangent, p.operand(1), c.for_left(), p.operand(0).type());
    return transposed(product, inverse(c.left_in_order()));
  });
  p.give(1, [&] {
    const Value product = dot(p.operand(0), cotangent, c.for_right(), p.operand(1).type());
    return transposed(product, inverse(c.right_in_order()));
  });
}

// Of groups of rows that meet a matrix each: the cotangents' rows meet it turned around, and each group of rows makes
// its own matrix with them.
void gradient_ragged_dot(Pullback& p) {
  const auto& attrs = p.attrs<RaggedDotAttrs>();
  if (attrs.rhs_group_dims.empty()) p.refuse("only that of ragged rows, not of a ragged contraction or batch, has one");
  const Contraction<RaggedDotAttrs> c(p, attrs.rhs_group_dims);
  const Value cotangent = in_type_of_factors(p);
  const auto as_declared = [](Value x, Value like) { return convert(x, like.type()); };
  p.give(0, [&] {
    RaggedDotAttrs back = c.for_left();
    const auto place = std::find(c.lhs_free.begin(), c.lhs_free.end(), attrs.lhs_ragged_dims[0]) - c.lhs_free.begin();
    back.lhs_ragged_dims = {c.lhs_in_result()[static_cast<size_t>(place)]};
    const Value product = ragged_dot(cotangent, p.operand(1), p.operand(2), back);
    return as_declared(transposed(product, inverse(c.left_in_order())), p.operand(0));
  });
  p.give(1, [&] {
    RaggedDotAttrs back = c.for_right();
    back.rhs_group_dims = {};
    const Value product = ragged_dot(p.operand(0), cotangent, p.operand(2), back);
    return as_declared(transposed(product, inverse(joined(attrs.rhs_group_dims, c.right_in_order()))), p.operand(1));
  });
}

}  // namespace gshard
