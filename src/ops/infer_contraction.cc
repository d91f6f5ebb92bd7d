// Types of dot and its relatives.
#include <algorithm>

#include "ir/dims.h"
#include "ops/infer.h"

namespace gshard {
namespace {

// The dimension numbers of one dot, under one name for every op of the family.
struct Contraction {
  const Dims& lhs_batch;
  const Dims& lhs_contracting;
  const Dims& rhs_batch;
  const Dims& rhs_contracting;
};

template <class Attrs>
Contraction contraction_of(const Instruction& i) {
  const Attrs& a = i.attrs<Attrs>();
  return {a.lhs_batch_dims, a.lhs_contracting_dims, a.rhs_batch_dims, a.rhs_contracting_dims};
}

void append(Dims& dims, const Dims& more) { dims.append({more.data(), more.size()}); }

void require_equal_sizes(const Instruction& i, std::string_view role, const Dims& lhs, const Dims& rhs,
                         size_t rhs_operand) {
  const Shape& x = i.operand(0)->shape();
  const Shape& y = i.operand(rhs_operand)->shape();
  require(lhs.size() == rhs.size(), i, "{} {} dimensions of operand 0 meet {} of operand {}", lhs.size(), role,
          rhs.size(), rhs_operand);
  for (size_t k = 0; k < lhs.size(); ++k) {
    const int64_t a = x.dim(static_cast<size_t>(lhs[k]));
    const int64_t b = y.dim(static_cast<size_t>(rhs[k]));
    require(a == b, i, "{} dimension {} of operand 0 has size {}, dimension {} of operand {} has size {}", role, lhs[k],
            a, rhs[k], rhs_operand, b);
  }
}

void check_contraction(const Instruction& i, const Contraction& c) {
  require_unique_below(i, joined(c.lhs_batch, c.lhs_contracting), array_operand(i, 0).rank(),
                       "lhs_batch_dims and lhs_contracting_dims");
  require_unique_below(i, joined(c.rhs_batch, c.rhs_contracting), array_operand(i, 1).rank(),
                       "rhs_batch_dims and rhs_contracting_dims");
  require_equal_sizes(i, "batch", c.lhs_batch, c.rhs_batch, 1);
  require_equal_sizes(i, "contracting", c.lhs_contracting, c.rhs_contracting, 1);
}

// Batch dimensions, then the free ones of the left, then those of the right.
Dims dot_dims(const Instruction& i, const Contraction& c) {
  const Shape& lhs = i.operand(0)->shape();
  const Shape& rhs = i.operand(1)->shape();
  Dims dims = sizes_of(lhs, c.lhs_batch);
  append(dims, without(lhs.dims(), joined(c.lhs_batch, c.lhs_contracting)));
  append(dims, without(rhs.dims(), joined(c.rhs_batch, c.rhs_contracting)));
  return dims;
}

// How the ragged dimension of the left meets the groups.
enum class RaggedMode { free, contracting, batch };

RaggedMode mode_of(const RaggedDotAttrs& a) {
  if (contains(a.lhs_batch_dims, a.lhs_ragged_dims[0])) return RaggedMode::batch;
  return contains(a.lhs_contracting_dims, a.lhs_ragged_dims[0]) ? RaggedMode::contracting : RaggedMode::free;
}

// Sizes of the dimensions of the left over which group sizes may differ: those that are of the ragged one's kind or
// batch, and stand before it.
Dims group_prefix(const Instruction& i, RaggedMode mode) {
  const auto& a = i.attrs<RaggedDotAttrs>();
  const Shape& lhs = i.operand(0)->shape();
  const int64_t ragged = a.lhs_ragged_dims[0];
  Dims order = a.lhs_batch_dims;
  if (mode == RaggedMode::contracting) append(order, a.lhs_contracting_dims);
  for (int64_t d = 0; mode == RaggedMode::free && d < static_cast<int64_t>(lhs.rank()); ++d) {
    if (!contains(a.lhs_batch_dims, d) && !contains(a.lhs_contracting_dims, d)) order.push_back(d);
  }
  order.resize(static_cast<size_t>(std::find(order.begin(), order.end(), ragged) - order.begin()));
  return sizes_of(lhs, order);
}

// The number of groups: group sizes are one vector, or one for each place of the prefix.
int64_t group_count(const Instruction& i, RaggedMode mode) {
  require_integers(i, 2);
  const Shape& sizes = i.operand(2)->shape();
  require(sizes.rank() >= 1, i, "the group sizes are {}, must have one dimension at least", sizes);
  Dims expected = group_prefix(i, mode);
  expected.push_back(sizes.dims().back());
  require(sizes.rank() == 1 || sizes.dims() == expected, i, "the group sizes are {}, must have sizes {}", sizes,
          expected);
  return sizes.dims().back();
}

// The scales of one side: the sizes of the values, but along contracting dimensions one scale serves a whole number
// of values. A scalar stands for "no scale".
void check_scale(const Instruction& i, size_t values_operand, size_t scale_operand, const Dims& contracting) {
  const Shape& values = i.operand(values_operand)->shape();
  const Shape& scale = array_operand(i, scale_operand);
  require(is_floating(scale.type()), i, "operand {} is {}, must be floating-point scales", scale_operand, scale);
  if (scale.is_scalar()) return;
  require(scale.rank() == values.rank(), i, "operand {} is {}, its scale operand {} is {}: ranks must be equal",
          values_operand, values, scale_operand, scale);
  for (size_t d = 0; d < scale.rank(); ++d) {
    const bool divides =
        contains(contracting, static_cast<int64_t>(d)) && scale.dim(d) > 0 && values.dim(d) % scale.dim(d) == 0;
    require(divides || scale.dim(d) == values.dim(d), i,
            "dimension {} of operand {} has size {}, of its scale operand {} size {}", d, values_operand, values.dim(d),
            scale_operand, scale.dim(d));
  }
}

// Complex before floating before integers before pred, then more bits, then more range, then a sign.
int precedence(DType type) {
  const bool wide_range = type == DType::bf16 || type == DType::f8e5m2 || type == DType::f8e5m2fnuz;
  const int kind = is_complex(type) ? 3 : is_floating(type) ? 2 : is_integer(type) ? 1 : 0;
  return kind * 1024 + bits_of(type) * 4 + (wide_range ? 2 : 0) + (is_unsigned_int(type) ? 0 : 1);
}

}  // namespace

DType product_type(const Instruction& i) {
  if (i.shape().is_array()) return i.shape().type();
  const DType lhs = i.operand(0)->shape().type();
  const DType rhs = i.operand(1)->shape().type();
  return precedence(lhs) >= precedence(rhs) ? lhs : rhs;
}

Shape infer_dot(const Instruction& i) {
  const Contraction c = contraction_of<DotAttrs>(i);
  check_contraction(i, c);
  return Shape(product_type(i), dot_dims(i, c));
}

Shape infer_scaled_dot(const Instruction& i) {
  const Contraction c = contraction_of<DotAttrs>(i);
  check_contraction(i, c);
  check_scale(i, 0, 2, c.lhs_contracting);
  check_scale(i, 1, 3, c.rhs_contracting);
  return Shape(product_type(i), dot_dims(i, c));
}

// With the ragged dimension free, each group of rows of the left meets its own matrix of the right: [m,k] x [g,k,n] ->
// [m,n]. Ragged contracting: each group makes its own matrix, [m,k] x [k,n] -> [g,m,n]. Ragged batch: as dot.
Shape infer_ragged_dot(const Instruction& i) {
  const auto& a = i.attrs<RaggedDotAttrs>();
  const Contraction c = contraction_of<RaggedDotAttrs>(i);
  check_contraction(i, c);
  require(a.lhs_ragged_dims.size() == 1, i, "lhs_ragged_dims={} must be one dimension", a.lhs_ragged_dims);
  require_below(i, a.lhs_ragged_dims[0], i.operand(0)->shape().rank(), "lhs_ragged_dims");
  const RaggedMode mode = mode_of(a);
  const int64_t groups = group_count(i, mode);
  if (mode != RaggedMode::free) {
    require(a.rhs_group_dims.empty(), i,
            "rhs_group_dims={} must be empty where the ragged dimension is batch or contracting", a.rhs_group_dims);
    Dims dims = dot_dims(i, c);
    if (mode == RaggedMode::contracting) dims.insert(dims.begin(), groups);
    return Shape(product_type(i), dims);
  }
  const Shape& rhs = i.operand(1)->shape();
  require(a.rhs_group_dims.size() == 1, i, "rhs_group_dims={} must be one dimension", a.rhs_group_dims);
  const Dims taken = joined(joined(a.rhs_batch_dims, a.rhs_contracting_dims), a.rhs_group_dims);
  require_unique_below(i, taken, rhs.rank(), "rhs_batch_dims, rhs_contracting_dims and rhs_group_dims");
  const int64_t held = rhs.dim(static_cast<size_t>(a.rhs_group_dims[0]));
  require(held == groups, i, "dimension {} of operand 1 has size {}, operand 2 has the sizes of {} groups",
          a.rhs_group_dims[0], held, groups);
  Dims dims = sizes_of(i.operand(0)->shape(), a.lhs_batch_dims);
  append(dims, without(i.operand(0)->shape().dims(), joined(a.lhs_batch_dims, a.lhs_contracting_dims)));
  append(dims, without(rhs.dims(), taken));
  return Shape(product_type(i), dims);
}

}  // namespace gshard
