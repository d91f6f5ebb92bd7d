#include "autodiff/copier.h"

namespace gshard {

void Copier::copy(const Instruction& original) {
  Instruction::Operands operands;
  for (const Instruction* operand : original.operands()) operands.push_back(copies_.at(operand));
  if (original.op() == Op::get_tuple_element && operands[0]->op() == Op::tuple) {
    copies_[&original] = operands[0]->operand(static_cast<size_t>(original.attrs<TupleIndexAttrs>().index));
    return;
  }
  Instruction* made =
      into_.add(original.op(), original.shape(), {operands.data(), operands.size()}, NoAttrs{}, original.name());
  made->set_attributes(original.shared_attributes());
  made->mutable_callees() = original.callees();
  made->mutable_notes() = original.notes();
  made->set_text_position(original.text_line(), original.text_column());
  copies_[&original] = made;
}

void Copier::copy_all(const Computation& from) {
  for (const auto& instruction : from.instructions()) {
    if (!has(*instruction)) copy(*instruction);
  }
}

}  // namespace gshard
