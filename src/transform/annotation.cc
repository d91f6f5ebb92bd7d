#include "transform/annotation.h"

#include <algorithm>

namespace gshard {
namespace {

template <class T>
bool same_value(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

bool says_sharding(const FrontendAttributes& attributes) {
  return std::any_of(attributes.begin(), attributes.end(),
                     [](const auto& pair) { return pair.first == "xla.sdy.sharding"; });
}

}  // namespace

bool is_annotated(const Instruction& instruction) {
  const Notes& notes = instruction.notes();
  return notes.sharding != nullptr || (notes.frontend_attributes != nullptr && !notes.frontend_attributes->empty());
}

bool same_annotation(const Notes& a, const Notes& b) {
  return same_value(a.sharding, b.sharding) && same_value(a.frontend_attributes, b.frontend_attributes);
}

bool is_annotation_movable(const Instruction& instruction) {
  const Notes& notes = instruction.notes();
  return instruction.shape().is_array() &&
         (notes.sharding != nullptr || (notes.frontend_attributes && says_sharding(*notes.frontend_attributes)));
}

Instruction* add_annotated(Instruction* value, const Instruction& from) {
  CustomCallAttrs attributes;
  attributes.custom_call_target = "Sharding";
  Instruction* call =
      value->parent()->add(Op::custom_call, value->shape(), {{value}}, std::move(attributes), "sharding");
  call->mutable_notes().sharding = from.notes().sharding;
  call->mutable_notes().frontend_attributes = from.notes().frontend_attributes;
  inherit_source(*call, from);
  return call;
}

HloSharding element_sharding(const Shape& tuple, const HloSharding& sharding, size_t i) {
  if (sharding.kind != HloSharding::Kind::tuple) return sharding;
  HloSharding unknown;
  unknown.kind = HloSharding::Kind::unknown;
  size_t first = 0;
  for (size_t before = 0; before < i; ++before) first += static_cast<size_t>(tuple.element(before).leaf_count());
  const auto count = static_cast<size_t>(tuple.element(i).leaf_count());
  if (first + count > sharding.elements.size()) return unknown;
  if (!tuple.element(i).is_tuple()) return sharding.elements[first];
  HloSharding part = sharding;
  const auto begin = sharding.elements.begin() + static_cast<std::ptrdiff_t>(first);
  part.elements.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  return part;
}

Shape narrowed_shape(const Shape& tuple, const std::vector<size_t>& keep) {
  std::vector<Shape> elements;
  for (size_t i : keep) elements.push_back(tuple.element(i));
  return Shape::tuple(std::move(elements));
}

std::shared_ptr<const HloSharding> narrowed_sharding(const Shape& tuple,
                                                     const std::shared_ptr<const HloSharding>& sharding,
                                                     const std::vector<size_t>& keep) {
  if (sharding == nullptr || sharding->kind != HloSharding::Kind::tuple) return sharding;
  auto narrowed = std::make_shared<HloSharding>(*sharding);
  narrowed->elements.clear();
  for (size_t i : keep) {
    HloSharding part = element_sharding(tuple, *sharding, i);
    if (part.kind != HloSharding::Kind::tuple) {
      narrowed->elements.push_back(std::move(part));
    } else {
      narrowed->elements.insert(narrowed->elements.end(), part.elements.begin(), part.elements.end());
    }
  }
  return narrowed;
}

Instruction* annotate(Instruction* value, const HloSharding& sharding, const Instruction& from) {
  Computation& computation = *value->parent();
  const Shape& shape = value->shape();
  if (shape.is_tuple()) {
    std::vector<Instruction*> elements;
    for (size_t i = 0; i < shape.tuple_size(); ++i) {
      Instruction* element =
          computation.add(Op::get_tuple_element, shape.element(i), {{value}}, TupleIndexAttrs{static_cast<int64_t>(i)});
      elements.push_back(annotate(element, element_sharding(shape, sharding, i), from));
    }
    return computation.add(Op::tuple, shape, elements);
  }
  const bool says_nothing = sharding.kind == HloSharding::Kind::unknown && sharding.group == HloSharding::Group::none;
  if (!shape.is_array() || says_nothing) return value;
  Instruction* call = add_annotated(value, from);
  call->mutable_notes().sharding = std::make_shared<const HloSharding>(sharding);
  call->mutable_notes().frontend_attributes = nullptr;
  return call;
}

bool TupleShardings::can_take(const Instruction& instruction) {
  const Notes& notes = instruction.notes();
  return instruction.shape().is_tuple() && notes.sharding != nullptr && notes.frontend_attributes == nullptr;
}

void TupleShardings::take(Instruction& instruction) {
  taken_[&instruction] = std::move(instruction.mutable_notes().sharding);
}

Instruction* TupleShardings::put_back(Instruction* value, const Instruction& from) const {
  const auto sharding = taken_.find(&from);
  return sharding == taken_.end() ? value : annotate(value, *sharding->second, from);
}

void inherit_source(Instruction& to, const Instruction& from) {
  if (to.notes().metadata == nullptr) to.mutable_notes().metadata = from.notes().metadata;
  if (to.text_line() == 0) to.set_text_position(from.text_line(), from.text_column());
}

}  // namespace gshard
