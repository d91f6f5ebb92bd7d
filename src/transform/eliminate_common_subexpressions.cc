#include "transform/eliminate_common_subexpressions.h"

#include <algorithm>
#include <unordered_set>

#include "base/hash.h"
#include "ops/table.h"
#include "transform/effects.h"
#include "transform/rewrite.h"
#include "transform/structure.h"

namespace gshard {
namespace {

bool commutes(const Instruction& x) { return has(row_of(x.op()).traits, Traits::commutative); }

// Hash and equality of instructions of one computation by what they compute.
struct SameValue {
  const ComputationClasses* classes;

  size_t operator()(const Instruction* x) const {
    uint64_t seed = hash_of_head(*x, *classes);
    if (commutes(*x)) {
      hash_combine(seed, std::min(x->operand(0)->index(), x->operand(1)->index()));
      hash_combine(seed, std::max(x->operand(0)->index(), x->operand(1)->index()));
    } else {
      for (const Instruction* operand : x->operands()) hash_combine(seed, operand->index());
    }
    return seed;
  }
  bool operator()(const Instruction* x, const Instruction* y) const {
    return same_operands(*x, *y) && same_head(*x, *y, *classes);
  }

 private:
  static bool same_operands(const Instruction& x, const Instruction& y) {
    if (x.op() != y.op()) return false;
    if (x.operands() == y.operands()) return true;
    return commutes(x) && x.operand(0) == y.operand(1) && x.operand(1) == y.operand(0);
  }
};

bool may_merge(const Instruction& x, const Effects& effects) {
  switch (x.op()) {
    case Op::parameter:
    case Op::opt_barrier:
    case Op::async_start:
    case Op::async_update:
    case Op::async_done:
    case Op::copy_start:
    case Op::copy_done:
      return false;
    case Op::constant:
      return !x.attrs<ConstantAttrs>().value.is_elided();
    case Op::custom_call:
      return x.attrs<CustomCallAttrs>().custom_call_target == "Sharding";
    default:
      return !effects.has_effect(x) && x.control_predecessors().empty() &&
             !has(row_of(x.op()).traits, Traits::collective);
  }
}

}  // namespace

bool eliminate_common_subexpressions(Module& module) {
  const Effects effects(module);
  const ComputationClasses classes(module);
  bool changed = false;
  for (const auto& computation : module.computations()) {
    std::unordered_set<Instruction*, SameValue, SameValue> seen(computation->size(), {&classes}, {&classes});
    changed |= rewrite(*computation, [&](Instruction& x) -> Instruction* {
      if (!may_merge(x, effects)) return nullptr;
      const auto [first, is_new] = seen.insert(&x);
      return is_new ? nullptr : *first;
    });
  }
  if (changed) module.sort_and_prune_computations();
  return changed;
}

}  // namespace gshard
