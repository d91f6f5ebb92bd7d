// The custom calls whose meaning is known.
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "eval/evaluator.h"
#include "eval/topk.h"
#include "ops/table.h"

namespace gshard {
namespace {

// Hints about placement, layout or sharding: the value passes through. Names that start with "xla.sdy." are such too.
constexpr std::array<std::string_view, 10> kIdentities = {
    "Sharding",
    "SPMDFullToShardShape",
    "SPMDShardToFullShape",
    "annotate_device_placement",
    "MoveToHost",
    "MoveToDevice",
    "PinToDevice",
    "PinToDeviceSram",
    "LayoutConstraint",
    "AssumeGatherIndicesInBound",
};

bool is_identity(std::string_view target) {
  return std::find(kIdentities.begin(), kIdentities.end(), target) != kIdentities.end() ||
         target.starts_with("xla.sdy.");
}

Literal passed_through(const Instruction& instruction, std::span<Literal> operands) {
  const Shape& shape = instruction.shape();
  if (operands.size() == 1 && operands[0].shape() == shape) return std::move(operands[0]);
  if (shape.is_tuple() && shape.tuple_size() == 0) return Literal();
  Literal tuple = Literal::tuple({operands.begin(), operands.end()});
  if (tuple.shape() == shape) return tuple;
  throw evaluation_error(instruction, instruction.attrs<CustomCallAttrs>().custom_call_target + " makes " +
                                          shape.to_string() + " of " + tuple.shape().to_string() +
                                          ", which takes more than one device");
}

// "mhlo.erf", "mhlo.cosh": the pointwise op of that name, before HLO had it.
std::optional<Op> pointwise_op_named(std::string_view target) {
  if (!target.starts_with("mhlo.") && !target.starts_with("chlo.")) return std::nullopt;
  std::string keyword(target.substr(5));
  for (char& c : keyword) c = c == '_' ? '-' : c;
  const std::optional<Op> op = op_from_keyword(keyword);
  const bool fits = op && has(row_of(*op).traits, Traits::pointwise) && row_of(*op).operands.max == 1;
  return fits ? op : std::nullopt;
}

// Largest first, as the comparator of the call says; without one that is meant.
bool wants_largest(const Instruction& instruction) {
  if (instruction.callees().empty()) return true;
  const Instruction* root = instruction.callees()[0]->root();
  return root->op() != Op::compare || root->attrs<CompareAttrs>().direction != Direction::LT;
}

bool is_topk(const Instruction& instruction) {
  const Shape& shape = instruction.shape();
  return instruction.attrs<CustomCallAttrs>().custom_call_target == "TopK" && shape.tuple_size() == 2 &&
         shape.element(0).rank() > 0 && instruction.operand_count() == 1 &&
         instruction.operand(0)->shape().rank() == shape.element(0).rank() &&
         instruction.operand(0)->shape().dims().back() >= shape.element(0).dims().back();
}

}  // namespace

Literal eval_custom_call(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const std::string& target = instruction.attrs<CustomCallAttrs>().custom_call_target;
  if (is_identity(target)) return passed_through(instruction, operands);
  if (is_topk(instruction)) {
    return top_elements(operands[0], instruction.shape().element(0).dims().back(), wants_largest(instruction));
  }
  if (const std::optional<Op> op = pointwise_op_named(target)) {
    Instruction pointwise(*op, instruction.shape(), instruction.name());
    pointwise.mutable_operands() = instruction.operands();
    return kernel_of(*op)(pointwise, operands, evaluator);
  }
  throw evaluation_error(instruction, "the target \"" + target + "\" is not known to the evaluator");
}

}  // namespace gshard
