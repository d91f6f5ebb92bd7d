#include "transform/fold_constants.h"

#include <algorithm>
#include <optional>

#include "eval/elements.h"
#include "eval/evaluator.h"
#include "ops/table.h"
#include "transform/rewrite.h"

namespace gshard {
namespace {

bool is_foldable_op(Op op) {
  switch (op) {
    case Op::broadcast:
    case Op::copy:
    case Op::bitcast:  // means something only together with layouts
    case Op::dynamic_reshape:
      return false;
    case Op::bitcast_convert:
    case Op::dot:
    case Op::map:
    case Op::reduce:
    case Op::get_dimension_size:
      return true;
    default:
      return has(row_of(op).traits, Traits::pointwise) || has(row_of(op).traits, Traits::data_movement);
  }
}

bool is_small(const Shape& shape, const FoldOptions& options) {
  return shape.is_array() && shape.element_count() <= options.max_elements;
}

bool is_foldable(const Instruction& x, const FoldOptions& options) {
  const auto is_known = [&](const Instruction* operand) {
    return operand->op() == Op::constant && is_small(operand->shape(), options) &&
           !operand->attrs<ConstantAttrs>().value.is_elided();
  };
  return is_foldable_op(x.op()) && is_small(x.shape(), options) && x.operand_count() > 0 &&
         std::all_of(x.operands().begin(), x.operands().end(), is_known);
}

bool is_rounded(const Shape& shape) {
  const DType type = real_part_type(shape.type());
  return is_floating(type) && type != DType::f64;
}

// Whether the value of the op is the same in wider types than these.
bool is_exact(const Instruction& x, const Literal& value) {
  if (!is_rounded(x.shape())) return true;
  switch (x.op()) {
    case Op::abs:
    case Op::bitcast_convert:
    case Op::clamp:
    case Op::complex:
    case Op::imag:
    case Op::maximum:
    case Op::minimum:
    case Op::negate:
    case Op::real:
    case Op::select:
    case Op::sign:
      return true;
    case Op::convert: {
      const DType wide = is_complex(x.shape().type()) ? DType::c128 : DType::f64;
      return convert_elements(value, wide) == convert_elements(x.operand(0)->attrs<ConstantAttrs>().value, wide);
    }
    default:
      return has(row_of(x.op()).traits, Traits::data_movement);
  }
}

// Nothing where the evaluator refuses: the program may never get there.
std::optional<Literal> value_of(const Instruction& x, Evaluator& evaluator) {
  std::vector<Literal> operands;
  for (const Instruction* operand : x.operands()) operands.push_back(operand->attrs<ConstantAttrs>().value);
  try {
    return kernel_of(x.op())(x, operands, evaluator);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

bool fold_constants(Module& module, const FoldOptions& options) {
  const EvaluateOptions evaluate_options;
  Evaluator evaluator(evaluate_options);
  return rewrite(module, [&](Instruction& x) -> Instruction* {
    if (!is_foldable(x, options)) return nullptr;
    std::optional<Literal> value = value_of(x, evaluator);
    if (!value) return nullptr;
    if (options.rounding == FoldOptions::Rounding::none && !is_exact(x, *value)) return nullptr;
    return x.parent()->add(Op::constant, x.shape(), {}, ConstantAttrs{std::move(*value)});
  });
}

}  // namespace gshard
