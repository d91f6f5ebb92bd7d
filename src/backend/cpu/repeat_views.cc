#include "backend/cpu/repeat_views.h"

#include <unordered_map>
#include <vector>

#include "backend/cpu/loop_ops.h"

namespace gshard::cpu {
namespace {

constexpr size_t kMostRepeats = 8;

bool is_repeated(const Instruction& x) {
  return (is_view_op(x.op()) || x.op() == Op::broadcast) && is_loop_op(x) && !is_free(x) &&
         x.control_predecessors().empty();
}

Instruction* repeat(Computation& computation, const Instruction& x) {
  const std::vector<Instruction*> operands(x.operands().begin(), x.operands().end());
  Instruction* copy = computation.add(x.op(), x.shape(), operands, x.attributes(), x.name());
  copy->mutable_notes().metadata = x.notes().metadata;
  copy->set_text_position(x.text_line(), x.text_column());
  return copy;
}

void repeat_views(Computation& computation) {
  // Loops that read an instruction, those of copies too; what is no loop goes on to read the first.
  std::unordered_map<const Instruction*, std::vector<Instruction*>> readers;
  for (const auto& x : computation.instructions()) {
    if (!is_loop_op(*x)) continue;
    for (const Instruction* operand : x->operands()) {
      auto& list = readers[operand];
      if (list.empty() || list.back() != x.get()) list.push_back(x.get());
    }
  }
  bool changed = false;
  for (size_t i = computation.size(); i-- > 0;) {
    Instruction* x = computation.at(i);
    const std::vector<Instruction*> of_x = readers[x];
    if (!is_repeated(*x) || of_x.size() > kMostRepeats) continue;
    for (size_t r = 1; r < of_x.size(); ++r) {
      Instruction* copy = repeat(computation, *x);
      for (Instruction*& operand : of_x[r]->mutable_operands()) operand = operand == x ? copy : operand;
      readers[x->operand(0)].push_back(copy);
      changed = true;
    }
  }
  if (changed) computation.sort_topologically();
}

}  // namespace

void repeat_views(Module& module) {
  for (const auto& computation : module.computations()) repeat_views(*computation);
}

}  // namespace gshard::cpu
