#include "backend/cpu/scalar_code.h"

#include "backend/cpu/build_kernel.h"
#include "backend/cpu/loop_ops.h"

namespace gshard::cpu {
namespace {

// What a value is made of, without parameters and constants; none where loops do not know it all.
std::optional<Members> members_of(const Instruction& value) {
  Members members;
  std::vector<const Instruction*> pending{&value};
  while (!pending.empty()) {
    const Instruction* x = pending.back();
    pending.pop_back();
    if (x->op() == Op::parameter || is_free(*x) || members.contains(x)) continue;
    if (!is_loop_op(*x) || !x->shape().is_scalar()) return std::nullopt;
    members.insert(x);
    pending.insert(pending.end(), x->operands().begin(), x->operands().end());
  }
  return members;
}

}  // namespace

ScalarCode::ScalarCode(Kernel kernel, DType type) : kernel_(std::move(kernel)), type_(type) {
  for (const Argument& argument : kernel_.arguments) {
    const Instruction& x = *argument.leaf.value;
    parameters_.push_back(argument.written ? -1 : static_cast<int>(x.attrs<ParameterAttrs>().number));
  }
}

std::optional<ScalarCode> ScalarCode::of(const Instruction& value) {
  if (!value.shape().is_scalar() || value.op() == Op::parameter || is_free(value)) return std::nullopt;
  const std::optional<Members> members = members_of(value);
  if (!members) return std::nullopt;
  const Leaf result{&value};
  std::optional<Kernel> kernel = build_kernel(*members, {&result, 1});
  if (!kernel) return std::nullopt;
  return ScalarCode(std::move(*kernel), value.shape().type());
}

}  // namespace gshard::cpu
