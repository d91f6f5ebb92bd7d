#include "autodiff/annotation.h"

#include <algorithm>
#include <array>

#include "autodiff/leaves.h"
#include "ops/custom_call.h"

namespace gshard {
namespace {

constexpr std::string_view kShardyAttribute = "xla.sdy.sharding";

// What is noted of a leaf; null where nothing is.
std::shared_ptr<const HloSharding> sharding_of(const Instruction& x, size_t leaf) {
  auto sharding = x.notes().sharding;
  if (sharding != nullptr && sharding->kind == HloSharding::Kind::tuple) {
    if (leaf >= sharding->elements.size()) return nullptr;
    sharding = std::make_shared<const HloSharding>(sharding->elements[leaf]);
  }
  const bool says_something = sharding != nullptr && (sharding->kind != HloSharding::Kind::unknown ||
                                                      sharding->group != HloSharding::Group::none);
  return says_something ? sharding : nullptr;
}

std::shared_ptr<const FrontendAttributes> shardy_sharding_of(const Instruction& x) {
  const auto& attributes = x.notes().frontend_attributes;
  if (attributes == nullptr || !x.shape().is_array()) return nullptr;
  FrontendAttributes kept;
  std::copy_if(attributes->begin(), attributes->end(), std::back_inserter(kept),
               [](const auto& pair) { return pair.first == kShardyAttribute; });
  return kept.empty() ? nullptr : std::make_shared<const FrontendAttributes>(std::move(kept));
}

// What an annotation notes it says of its operand's cotangent, by its own function.
bool is_annotation(const Instruction& x) {
  if (x.op() != Op::custom_call) return false;
  const KnownCall known = known_call_of(x);
  return known == KnownCall::identity || known == KnownCall::edge;
}

bool says_the_same(const Instruction& x, const std::shared_ptr<const HloSharding>& sharding) {
  return x.notes().sharding != nullptr && sharding != nullptr && *x.notes().sharding == *sharding;
}

}  // namespace

Value annotation_call(std::string_view target, Value x, const Shape& shape,
                      std::shared_ptr<const HloSharding> sharding) {
  CustomCallAttrs attrs;
  attrs.custom_call_target = target;
  const Value made = append({Op::custom_call, attrs, {}, shape}, std::array{x});
  made->mutable_notes().sharding = std::move(sharding);
  return made;
}

Value annotated_as(Value value, const Instruction& x) {
  if (value.shape().is_array()) return annotated_as(value, x, 0);
  if (x.notes().sharding == nullptr) return value;
  std::vector<Value> leaves;
  for (size_t leaf = 0; leaf < leaf_count(value.shape()); ++leaf) {
    leaves.push_back(leaf_of(value, leaf));
    if (leaves.back().shape().is_array()) leaves.back() = annotated_as(leaves.back(), x, leaf);
  }
  return pack(value.computation(), value.shape(), leaves);
}

Value annotated_as(Value value, const Instruction& x, size_t leaf) {
  const auto sharding = sharding_of(x, leaf);
  const auto attributes = shardy_sharding_of(x);
  if ((sharding == nullptr && attributes == nullptr) || is_annotation(x) ||
      says_the_same(*value.instruction(), sharding)) {
    return value;
  }
  const Value made = annotation_call("Sharding", value, value.shape(), sharding);
  made->mutable_notes().frontend_attributes = attributes;
  return made;
}

Value annotated_by(Value cotangent, const Instruction& call) {
  if (says_the_same(*cotangent.instruction(), call.notes().sharding)) return cotangent;
  const Value made =
      annotation_call(call.attrs<CustomCallAttrs>().custom_call_target, cotangent, cotangent.shape(), nullptr);
  made->mutable_notes() = call.notes();
  return made;
}

}  // namespace gshard
