#include "transform/trip_count.h"

#include <charconv>
#include <limits>

#include "eval/elements.h"
#include "eval/evaluate.h"
#include "transform/loop_slice.h"

namespace gshard {
namespace {

using Wide = __int128;

// {"known_trip_count":{"n":"32"}}, whose quotes may be escaped.
std::optional<int64_t> known_trip_count(const Instruction& loop) {
  const auto& config = loop.notes().backend_config;
  if (config == nullptr) return std::nullopt;
  const size_t key = config->find("known_trip_count");
  if (key == std::string::npos) return std::nullopt;
  const size_t open = config->find('{', key);
  const size_t close = config->find('}', key);
  const size_t first = config->find_first_of("0123456789", key);
  if (open == std::string::npos || first == std::string::npos || first < open || first > close) return std::nullopt;
  int64_t count = 0;
  const auto [end, error] = std::from_chars(config->data() + first, config->data() + config->size(), count);
  return error == std::errc() ? std::optional(count) : std::nullopt;
}

std::optional<Wide> integer_of(const Instruction& x) {
  const DType type = x.shape().type();
  if (x.op() != Op::constant || x.shape().element_count() != 1 || !is_integer(type)) return std::nullopt;
  const Literal& value = x.attrs<ConstantAttrs>().value;
  const int64_t saturated = integer_at(value, 0);
  if (type == DType::u64 && saturated == std::numeric_limits<int64_t>::max()) return value.values<uint64_t>()[0];
  return saturated;
}

// A loop over one counter: from `start` by `step`, while `counter direction bound`.
struct Counting {
  Wide start;
  Wide step;
  Direction direction;
  Wide bound;
  DType type;  // of the counter
};

Direction mirrored(Direction direction) {
  switch (direction) {
    case Direction::LT:
      return Direction::GT;
    case Direction::LE:
      return Direction::GE;
    case Direction::GT:
      return Direction::LT;
    case Direction::GE:
      return Direction::LE;
    default:
      return direction;
  }
}

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

std::optional<Wide> step_of(const Instruction& next, const Instruction* counter) {
  const bool adds = next.op() == Op::add;
  if (!adds && next.op() != Op::subtract) return std::nullopt;
  if (next.operand(0) == counter) {
    const auto step = integer_of(*next.operand(1));
    return step && !adds ? std::optional(-*step) : step;
  }
  return adds && next.operand(1) == counter ? integer_of(*next.operand(0)) : std::nullopt;
}

std::optional<Counting> counting_of(const LoopSlice& slice) {
  const Instruction* compare = slice.step->entry()->root()->operand(0);
  while (compare->op() == Op::reshape) compare = compare->operand(0);
  if (compare->op() != Op::compare) return std::nullopt;
  Direction direction = compare->attrs<CompareAttrs>().direction;
  const Instruction* counter = counter_behind(compare->operand(0));
  std::optional<Wide> bound = integer_of(*compare->operand(1));
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

bool holds(Wide value, Direction direction, Wide bound) {
  switch (direction) {
    case Direction::EQ:
      return value == bound;
    case Direction::NE:
      return value != bound;
    case Direction::LT:
      return value < bound;
    case Direction::LE:
      return value <= bound;
    case Direction::GT:
      return value > bound;
    case Direction::GE:
      return value >= bound;
  }
  return false;
}

bool fits(Wide value, DType type) {
  const int bits = bits_of(type);
  const Wide highest = (Wide{1} << (is_signed_int(type) ? bits - 1 : bits)) - 1;
  const Wide lowest = is_signed_int(type) ? -highest - 1 : 0;
  return lowest <= value && value <= highest;
}

// The least n >= 0 for which start + n * step does not satisfy the condition. Nothing where there is none before the
// counter would wrap around.
std::optional<int64_t> count(const Counting& c) {
  if (!holds(c.start, c.direction, c.bound)) return 0;
  if (c.step == 0) return std::nullopt;
  // The first value on the way that ends the loop lies `distance` from the start, or just beyond.
  Wide distance = c.bound - c.start;
  if (c.direction == Direction::LE) distance += 1;
  if (c.direction == Direction::GE) distance -= 1;
  if (c.direction == Direction::EQ) distance = c.step;
  if ((distance < 0) != (c.step < 0)) return std::nullopt;
  const Wide size = c.step < 0 ? -c.step : c.step;
  const Wide away = distance < 0 ? -distance : distance;
  if (c.direction == Direction::NE && away % size != 0) return std::nullopt;
  const Wide steps = (away + size - 1) / size;
  if (!fits(c.start + steps * c.step, c.type) || steps > std::numeric_limits<int64_t>::max()) return std::nullopt;
  return static_cast<int64_t>(steps);
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
