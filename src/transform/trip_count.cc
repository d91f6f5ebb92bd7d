#include "transform/trip_count.h"

#include "eval/evaluate.h"
#include "ops/counted_loop.h"
#include "transform/loop_slice.h"

namespace gshard {
namespace {

bool is_wider(DType to, DType from) {
  if (is_signed_int(from)) return is_signed_int(to) && bits_of(to) >= bits_of(from);
  return bits_of(to) > bits_of(from) || (bits_of(to) == bits_of(from) && is_unsigned_int(to));
}

// The parameter that x is, through conversions that keep its value.
const Instruction* counter_behind(const Instruction* x) {
  while (x->op() == Op::reshape ||
         (x->op() == Op::convert && is_integer(x->operand(0)->shape().type()) && is_integer(x->shape().type()) &&
          is_wider(x->shape().type(), x->operand(0)->shape().type()))) {
    x = x->operand(0);
  }
  return x->op() == Op::parameter && is_integer(x->shape().type()) ? x : nullptr;
}

std::optional<Counting> counting_of(const LoopSlice& slice) {
  const Instruction* compare = slice.step->entry()->root()->operand(0);
  while (compare->op() == Op::reshape) compare = compare->operand(0);
  if (compare->op() != Op::compare) return std::nullopt;
  Direction direction = compare->attrs<CompareAttrs>().direction;
  const Instruction* counter = counter_behind(compare->operand(0));
  std::optional<WideInteger> bound = integer_of(*compare->operand(1));
  if (counter == nullptr) {
    counter = counter_behind(compare->operand(1));
    bound = integer_of(*compare->operand(0));
    direction = mirrored(direction);
  }
  if (counter == nullptr || !bound) return std::nullopt;
  const auto number = static_cast<size_t>(counter->attrs<ParameterAttrs>().number);
  const auto start = integer_of(*slice.start->entry()->root()->operand(number));
  const auto step = step_of(*slice.step->entry()->root()->operand(number + 1), counter);
  if (!start || !step) return std::nullopt;
  return Counting{*start, *step, direction, *bound, counter->shape().type()};
}

// Runs the slice step by step.
std::optional<int64_t> count_by_running(const LoopSlice& slice, int64_t max_steps) {
  std::vector<Literal> state = evaluate(*slice.start, {}).elements();
  for (int64_t steps = 0; steps <= max_steps; ++steps) {
    std::vector<Literal> next = evaluate(*slice.step, state).elements();
    if (next[0].values<uint8_t>()[0] == 0) return steps;
    state.assign(std::make_move_iterator(next.begin() + 1), std::make_move_iterator(next.end()));
  }
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> trip_count(const Instruction& loop, int64_t max_steps) {
  if (const auto known = known_trip_count(loop)) return known;
  const LoopSlice slice = slice_of_loop(loop);
  if (slice.step == nullptr) return std::nullopt;
  if (const auto counting = counting_of(slice)) {
    if (const auto steps = count(*counting)) return steps;
  }
  try {
    return count_by_running(slice, max_steps);
  } catch (const Error&) {
    return std::nullopt;  // the evaluator refuses some op of the slice
  }
}

}  // namespace gshard
