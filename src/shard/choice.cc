#include "shard/choice.h"

namespace gshard {

// Made only of what the loop around adds up, or only added to it, a value is held like it.
Sharding Choice::wanted(const Instruction& i, size_t leaf) {
  if (form_.body_of != nullptr) {
    const auto state = accumulators_.state_of(*form_.body_of, i, leaf);
    if (state && form_.state[*state].partial != 0) return form_.state[*state];
  }
  return decision_.sharding_of(i, leaf);
}

std::vector<Sharding> Choice::state_of(const Instruction& loop, const std::vector<Accumulators::Start>& starts) {
  std::vector<Sharding> state;
  for (const Accumulators::Start& start : starts) {
    const size_t leaf = state.size();
    state.push_back(wanted(loop, leaf));
    if (state.back().partial != 0 || !decision_.shape_of(loop, leaf).is_array()) continue;
    state.back() = accumulators_.best_for(loop, leaf, start, state.back());
  }
  return state;
}

OpContext Choice::context_of(const Instruction& i, const std::function<Sharding(const Instruction& operand)>& held) {
  OpContext op = gshard::context_of(i, decision_, held);
  for (size_t leaf = 0; leaf < op.results.size(); ++leaf) op.results[leaf] = wanted(i, leaf);
  return op;
}

bool Choice::is_added_to_partials(const Instruction& i, DigitSet digits) {
  constexpr int kDeepest = 64;
  const Instruction* value = &i;
  for (int depth = 0; depth < kDeepest && may_stay_partial(*value, users_); ++depth) {
    const Instruction& reader = *users_.users_of(*value)[0];
    if ((wanted(reader, 0).partial & digits) != 0) return true;
    const uint64_t jointly = rule_of(reader).linearity.jointly;
    for (size_t n = 0; n < reader.operand_count() && n < 64; ++n) {
      const Instruction* other = reader.operand(n);
      if (other == value || (jointly >> n & 1) == 0 || !other->shape().is_array()) continue;
      if ((accumulators_.forecast().of(*other).partial & digits) != 0) return true;
    }
    value = &reader;
  }
  return false;
}

// Sums that go around are reduced on the way, which is too early for what is added to other sums first.
OpPlan Choice::plan_for(const OpContext& op, std::vector<Way>& ways) {
  const Target target = target_for(op.instruction, decision_);
  OpPlan plan = choose_plan(op, ways, target);
  const bool sums_go_around = plan.ring && !plan.ring->operand;
  if (!sums_go_around || !is_added_to_partials(op.instruction, set_of(plan.ring->digits))) return plan;
  std::erase_if(ways, [](const Way& way) { return way.in_ring; });
  return choose_plan(op, ways, target);
}

}  // namespace gshard
