#include "autodiff/leaves.h"

#include "ops/build.h"

namespace gshard {

size_t leaf_count(const Shape& shape) { return static_cast<size_t>(shape.leaf_count()); }

LeafPlace place_of(const Shape& tuple, size_t leaf) {
  size_t i = 0;
  for (; leaf >= leaf_count(tuple.element(i)); ++i) leaf -= leaf_count(tuple.element(i));
  return {i, leaf};
}

const Shape& leaf_shape(const Shape& shape, size_t leaf) {
  if (!shape.is_tuple()) return shape;
  const LeafPlace place = place_of(shape, leaf);
  return leaf_shape(shape.element(place.element), place.leaf);
}

size_t first_leaf(const Shape& tuple, size_t i) {
  size_t first = 0;
  for (size_t before = 0; before < i; ++before) first += leaf_count(tuple.element(before));
  return first;
}

Value leaf_of(Value x, size_t leaf) {
  if (!x.shape().is_tuple()) return x;
  const LeafPlace place = place_of(x.shape(), leaf);
  const bool is_put_together = x->op() == Op::tuple;
  const Value element =
      is_put_together ? Value(x->operand(place.element)) : get_tuple_element(x, static_cast<int64_t>(place.element));
  return leaf_of(element, place.leaf);
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
