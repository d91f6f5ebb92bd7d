#include "autodiff/leaves.h"

#include "ops/build.h"

namespace gshard {

size_t leaf_count(const Shape& shape) { return static_cast<size_t>(shape.leaf_count()); }

const Shape& leaf_shape(const Shape& shape, size_t leaf) {
  if (!shape.is_tuple()) return shape;
  size_t i = 0;
  for (; leaf >= leaf_count(shape.element(i)); ++i) leaf -= leaf_count(shape.element(i));
  return leaf_shape(shape.element(i), leaf);
}

size_t first_leaf(const Shape& tuple, size_t i) {
  size_t first = 0;
  for (size_t before = 0; before < i; ++before) first += leaf_count(tuple.element(before));
  return first;
}

Value leaf_of(Value x, size_t leaf) {
  if (!x.shape().is_tuple()) return x;
  size_t i = 0;
  for (; leaf >= leaf_count(x.shape().element(i)); ++i) leaf -= leaf_count(x.shape().element(i));
  const bool is_put_together = x->op() == Op::tuple;
  return leaf_of(is_put_together ? Value(x->operand(i)) : get_tuple_element(x, static_cast<int64_t>(i)), leaf);
}

Value pack(Computation& in, const Shape& shape, std::span<const Value> leaves) {
  if (!shape.is_tuple()) return leaves[0];
  std::vector<Value> elements;
  for (const Shape& element : shape.elements()) {
    elements.push_back(pack(in, element, leaves.first(leaf_count(element))));
    leaves = leaves.subspan(leaf_count(element));
  }
  return append(in, {Op::tuple}, elements);
}

bool is_differentiable(const Shape& leaf) { return is_floating(leaf.type()) || is_complex(leaf.type()); }

}  // namespace gshard
