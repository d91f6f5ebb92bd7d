#include "shard/forecast.h"

#include "shard/annotation_calls.h"

namespace gshard {
namespace {

// So many ops in a row that are linear in each other's results are followed.
constexpr int kDeepest = 64;

}  // namespace

bool is_one_number(const Instruction& value) {
  return value.op() == Op::broadcast && value.operand(0)->shape().rank() == 0;
}

bool is_free_in_any_form(const Instruction& value) { return value.op() == Op::iota || is_one_number(value); }

bool may_stay_partial(const Instruction& i, const UserTable& users) {
  const auto readers = users.users_of(i);
  if (readers.size() != 1 || !i.shape().is_array() || &i == i.parent()->root()) return false;
  const Instruction& reader = *readers[0];
  if (!has_rule(reader.op()) || is_sharding_call(reader)) return false;
  const Linearity linearity = rule_of(reader).linearity;
  for (size_t n = 0; n < reader.operand_count() && n < 64; ++n) {
    if (reader.operand(n) == &i) return ((linearity.jointly | linearity.singly) >> n & 1) != 0;
  }
  return false;
}

OpContext context_of(const Instruction& i, const Decision& decision,
                     const std::function<Sharding(const Instruction& operand)>& held) {
  OpContext op{i, {}, {}, {}, {}, 0};
  for (const Instruction* operand : i.operands()) {
    const size_t number = op.operands.size();
    if (number < 64 && is_free_in_any_form(*operand)) op.free_operands |= uint64_t{1} << number;
    op.operand_shapes.push_back(operand->shape());
    op.operands.push_back(operand->shape().is_array() ? held(*operand) : Sharding{});
    op.manual |= op.operands.back().manual;
  }
  for (size_t leaf = 0; leaf < decision.values.leaf_count(i); ++leaf) {
    op.result_shapes.push_back(decision.shape_of(i, leaf));
    op.results.push_back(decision.sharding_of(i, leaf));
    op.manual |= op.results.back().manual;
  }
  return op;
}

Target target_for(const Instruction& i, const Decision& decision) {
  const auto price = decision.prices.find(&i);
  return {decision.mesh, decision.machine, decision.times, price == decision.prices.end() ? 0 : price->second};
}

Sharding Forecast::of(const Instruction& i, int depth) {
  if (i.op() == Op::constant) return Sharding::replicated(i.shape().rank());
  const bool is_plain = has_rule(i.op()) && !is_sharding_call(i) && i.op() != Op::parameter;
  if (!is_plain || depth > kDeepest || !may_stay_partial(i, users_in(*i.parent()))) return decision_.sharding_of(i);
  if (const auto found = known_.find(&i); found != known_.end()) return found->second;
  OpContext op = context_of(i, decision_, [&](const Instruction& operand) { return of(operand, depth + 1); });
  // What only changes its form (another type, the other sign) is not brought anywhere for its own sake.
  const Rule rule = rule_of(i);
  const bool is_another_form =
      op.operands.size() == 1 && rule.linearity.jointly == 1 && rule.operands[0] == rule.results[0];
  if (is_another_form && op.operands[0].partial != 0) op.results[0] = op.operands[0];
  std::vector<Way> ways = ways_of(i);
  // What its reader might add to others is not to be added around a ring before that is known.
  std::erase_if(ways, [](const Way& way) { return way.in_ring; });
  const Sharding result = result_sharding(op, choose_plan(op, ways, target_for(i, decision_)), 0);
  return known_[&i] = result.partial != 0 ? result : decision_.sharding_of(i);
}

bool Forecast::is_read_once(const Instruction& i) { return users_in(*i.parent()).users_of(i).size() == 1; }

const UserTable& Forecast::users_in(const Computation& computation) {
  const auto found = users_.find(&computation);
  return found != users_.end() ? found->second : users_.emplace(&computation, computation).first->second;
}

}  // namespace gshard
