// Which instructions must stay for what they do, through everything that they call.
#pragma once

#include <unordered_set>

#include "ir/module.h"

namespace gshard {

class Effects {
 public:
  explicit Effects(const Module& module);

  // The instruction, or one in a computation that it calls, acts on the outside world or on hidden state.
  bool has_effect(const Instruction& instruction) const;
  bool has_effect(const Computation& computation) const { return acting_.contains(&computation); }

 private:
  std::unordered_set<const Computation*> acting_;
};

}  // namespace gshard
