#include "autodiff/repeat.h"

#include <string>

#include "ops/table.h"

namespace gshard {
namespace {

// The first instruction with a side effect in a computation and what it calls; null where there is none.
const Instruction* find_side_effect(const Computation& computation) {
  for (const auto& instruction : computation.instructions()) {
    if (has_side_effect(*instruction)) return instruction.get();
    for (const Computation* callee : instruction->callees()) {
      if (const Instruction* found = find_side_effect(*callee)) return found;
    }
  }
  return nullptr;
}

}  // namespace

void check_repeatable(const Pullback& p, const Computation& computation) {
  const Instruction* found = find_side_effect(computation);
  if (found == nullptr) return;
  p.refuse("%" + computation.name() + " is computed again in the backward pass, and %" + found->name() + " = " +
           std::string(keyword_of(found->op())) +
           " in it may happen only once; random bits come from rng-bit-generator");
}

}  // namespace gshard
