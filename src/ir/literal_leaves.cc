#include "ir/literal_leaves.h"

#include <utility>

namespace gshard {

void add_leaves(Literal value, std::vector<Literal>& leaves) {
  if (!value.shape().is_tuple()) return leaves.push_back(std::move(value));
  for (Literal& element : std::move(value).take_elements()) add_leaves(std::move(element), leaves);
}

Literal rebuilt(const Shape& like, std::span<Literal> leaves, size_t& next) {
  if (!like.is_tuple()) return std::move(leaves[next++]);
  std::vector<Literal> elements;
  for (const Shape& element : like.elements()) elements.push_back(rebuilt(element, leaves, next));
  return Literal::tuple(std::move(elements));
}

}  // namespace gshard
