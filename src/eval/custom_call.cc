// The custom calls whose meaning is known.
#include "ops/custom_call.h"
#include "eval/evaluator.h"
#include "eval/topk.h"

namespace gshard {
namespace {

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

}  // namespace

Literal eval_custom_call(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  switch (known_call_of(instruction)) {
    case KnownCall::identity:
    case KnownCall::edge:
      return passed_through(instruction, operands);
    case KnownCall::topk: {
      const TopKAttrs attrs = topk_attributes_of(instruction);
      return top_elements(operands[0], attrs.k, attrs.largest);
    }
    case KnownCall::pointwise: {
      Instruction pointwise(pointwise_op_of(instruction), instruction.shape(), instruction.name());
      pointwise.mutable_operands() = instruction.operands();
      return kernel_of(pointwise.op())(pointwise, operands, evaluator);
    }
    case KnownCall::none:
      break;
  }
  throw evaluation_error(instruction, "the target \"" + instruction.attrs<CustomCallAttrs>().custom_call_target +
                                          "\" is not known to the evaluator");
}

}  // namespace gshard
