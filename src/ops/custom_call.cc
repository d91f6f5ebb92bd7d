#include "ops/custom_call.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "ir/module.h"
#include "ops/table.h"

namespace gshard {
namespace {

// Names that start with "xla.sdy." are such too.
constexpr std::array<std::string_view, 8> kIdentities = {
    "Sharding",    "annotate_device_placement", "MoveToHost",       "MoveToDevice",
    "PinToDevice", "PinToDeviceSram",           "LayoutConstraint", "AssumeGatherIndicesInBound",
};

bool is_identity(std::string_view target) {
  return std::find(kIdentities.begin(), kIdentities.end(), target) != kIdentities.end() ||
         target.starts_with("xla.sdy.");
}

bool is_edge(std::string_view target) { return target == "SPMDFullToShardShape" || target == "SPMDShardToFullShape"; }

// "mhlo.erf", "mhlo.cosh". How attributes that say what is computed would be written is not known.
std::optional<Op> pointwise_op_named(std::string_view target) {
  if (!target.starts_with("mhlo.") && !target.starts_with("chlo.")) return std::nullopt;
  std::string keyword(target.substr(5));
  for (char& c : keyword) c = c == '_' ? '-' : c;
  const std::optional<Op> op = op_from_keyword(keyword);
  if (!op || !has(row_of(*op).traits, Traits::pointwise) || row_of(*op).operands.max != 1) return std::nullopt;
  const size_t kind = row_of(*op).attributes;
  return kind == attributes<NoAttrs>() || kind == attributes<AccuracyAttrs>() ? op : std::nullopt;
}

bool is_topk(const Instruction& call) {
  const Shape& shape = call.shape();
  return call.attrs<CustomCallAttrs>().custom_call_target == "TopK" && shape.tuple_size() == 2 &&
         shape.element(0).rank() > 0 && call.operand_count() == 1 &&
         call.operand(0)->shape().rank() == shape.element(0).rank() &&
         call.operand(0)->shape().dims().back() >= shape.element(0).dims().back();
}

// Largest first, as the comparator of the call says; without one that is meant.
bool wants_largest(const Instruction& call) {
  if (call.callees().empty()) return true;
  const Instruction* root = call.callees()[0]->root();
  return root->op() != Op::compare || root->attrs<CompareAttrs>().direction != Direction::LT;
}

}  // namespace

KnownCall known_call_of(const Instruction& custom_call) {
  const std::string& target = custom_call.attrs<CustomCallAttrs>().custom_call_target;
  if (is_identity(target)) return KnownCall::identity;
  if (is_edge(target)) return KnownCall::edge;
  if (is_topk(custom_call)) return KnownCall::topk;
  return pointwise_op_named(target) ? KnownCall::pointwise : KnownCall::none;
}

Op pointwise_op_of(const Instruction& custom_call) {
  const std::optional<Op> op = pointwise_op_named(custom_call.attrs<CustomCallAttrs>().custom_call_target);
  GSHARD_CHECK(op.has_value(), custom_call.name());
  return *op;
}

TopKAttrs topk_attributes_of(const Instruction& instruction) {
  if (instruction.op() == Op::topk) return instruction.attrs<TopKAttrs>();
  return {instruction.shape().element(0).dims().back(), wants_largest(instruction)};
}

}  // namespace gshard
