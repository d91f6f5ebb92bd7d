// Choosing how the ops of one computation are done, once it is known how their operands lie: what the localizer writes,
// and what an estimate counts.
#pragma once

#include <functional>
#include <vector>

#include "shard/accumulators.h"
#include "shard/plan.h"

namespace gshard {

// What one per-device form of a computation has of its own.
struct Form {
  std::vector<Sharding> results;
  // Of the state that a loop holds, where this is its body or its condition; else parameters lie as decided.
  std::vector<Sharding> state = {};
  const Instruction* body_of = nullptr;
};

class Choice {
 public:
  // All live as long as this.
  Choice(const Decision& decision, Accumulators& accumulators, const UserTable& users, const Form& form)
      : decision_(decision), accumulators_(accumulators), users_(users), form_(form) {}

  // The sharding in which a value of this computation is to be held.
  Sharding wanted(const Instruction& i, size_t leaf);
  // How a loop holds its state, whose leaves start so.
  std::vector<Sharding> state_of(const Instruction& loop, const std::vector<Accumulators::Start>& starts);
  // What an op reads and makes; `held` says how its operands that are arrays lie.
  OpContext context_of(const Instruction& i, const std::function<Sharding(const Instruction& operand)>& held);
  // The plan may point into `ways`, some of which may have been removed.
  OpPlan plan_for(const OpContext& op, std::vector<Way>& ways);

 private:
  // Whether a result that is partial over these digits would be added to others that are, and reduced only then.
  bool is_added_to_partials(const Instruction& i, DigitSet digits);

  const Decision& decision_;
  Accumulators& accumulators_;
  const UserTable& users_;
  const Form& form_;
};

}  // namespace gshard
