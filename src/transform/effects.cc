#include "transform/effects.h"

#include <algorithm>

#include "ops/table.h"

namespace gshard {

Effects::Effects(const Module& module) {
  for (const auto& computation : module.computations()) {  // callees first
    const auto& all = computation->instructions();
    if (std::any_of(all.begin(), all.end(), [&](const auto& x) { return has_effect(*x); })) {
      acting_.insert(computation.get());
    }
  }
}

bool Effects::has_effect(const Instruction& instruction) const {
  const auto& callees = instruction.callees();
  return has_side_effect(instruction) ||
         std::any_of(callees.begin(), callees.end(), [&](const Computation* c) { return acting_.contains(c); });
}

}  // namespace gshard
