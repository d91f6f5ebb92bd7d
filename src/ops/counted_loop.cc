#include "ops/counted_loop.h"

#include <charconv>
#include <limits>

#include "ir/module.h"
#include "ir/storage.h"

namespace gshard {
namespace {

bool holds(WideInteger value, Direction direction, WideInteger bound) {
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

bool fits(WideInteger value, DType type) {
  const int bits = bits_of(type);
  const WideInteger highest = (WideInteger{1} << (is_signed_int(type) ? bits - 1 : bits)) - 1;
  const WideInteger lowest = is_signed_int(type) ? -highest - 1 : 0;
  return lowest <= value && value <= highest;
}

// The element of the computation's parameter, a tuple, that x is; -1 where it is none.
int64_t element_of_state(const Instruction& x) {
  const bool is_element = x.op() == Op::get_tuple_element && x.operand(0)->op() == Op::parameter;
  return is_element ? x.attrs<TupleIndexAttrs>().index : -1;
}

const Instruction* element_of(const Instruction& tuple, int64_t index) {
  return tuple.op() == Op::tuple ? tuple.operand(static_cast<size_t>(index)) : nullptr;
}

// What an operand of the condition is in every round: a constant, or an element of the state that stays what it was.
std::optional<WideInteger> bound_of(const Instruction& x, const Instruction& loop) {
  const int64_t index = element_of_state(x);
  if (index < 0) return integer_of(x);
  const Instruction* initial = element_of(*loop.operand(0), index);
  const Instruction* next = element_of(*loop.callees()[1]->root(), index);
  const bool stays = initial != nullptr && next != nullptr && element_of_state(*next) == index;
  return stays ? integer_of(*initial) : std::nullopt;
}

std::optional<Counting> counting_of(const Instruction& loop, const Instruction& counter, Direction direction,
                                    const Instruction& limit) {
  const int64_t index = element_of_state(counter);
  const std::optional<WideInteger> bound = bound_of(limit, loop);
  if (index < 0 || !bound) return std::nullopt;
  const Instruction* initial = element_of(*loop.operand(0), index);
  const Instruction* next = element_of(*loop.callees()[1]->root(), index);
  if (initial == nullptr || next == nullptr) return std::nullopt;
  for (const Instruction* operand : next->operands()) {
    if (element_of_state(*operand) != index) continue;
    const std::optional<WideInteger> start = integer_of(*initial);
    const std::optional<WideInteger> step = step_of(*next, operand);
    if (start && step) return Counting{*start, *step, direction, *bound, counter.shape().type()};
  }
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> count(const Counting& c) {
  if (!holds(c.start, c.direction, c.bound)) return 0;
  if (c.step == 0) return std::nullopt;
  // The first value on the way that ends the loop lies `distance` from the start, or just beyond.
  WideInteger distance = c.bound - c.start;
  if (c.direction == Direction::LE) distance += 1;
  if (c.direction == Direction::GE) distance -= 1;
  if (c.direction == Direction::EQ) distance = c.step;
  if ((distance < 0) != (c.step < 0)) return std::nullopt;
  const WideInteger size = c.step < 0 ? -c.step : c.step;
  const WideInteger away = distance < 0 ? -distance : distance;
  if (c.direction == Direction::NE && away % size != 0) return std::nullopt;
  const WideInteger steps = (away + size - 1) / size;
  if (!fits(c.start + steps * c.step, c.type) || steps > std::numeric_limits<int64_t>::max()) return std::nullopt;
  return static_cast<int64_t>(steps);
}

std::optional<WideInteger> integer_of(const Instruction& x) {
  const DType type = x.shape().type();
  if (x.op() != Op::constant || x.shape().element_count() != 1 || !is_integer(type)) return std::nullopt;
  const Literal& value = x.attrs<ConstantAttrs>().value;
  if (value.is_elided()) return std::nullopt;
  return with_storage(type, [&]<class T>() -> std::optional<WideInteger> {
    if constexpr (std::is_integral_v<T>) return value.values<T>()[0];
    return std::nullopt;
  });
}

std::optional<WideInteger> step_of(const Instruction& next, const Instruction* counter) {
  const bool adds = next.op() == Op::add;
  if (!adds && next.op() != Op::subtract) return std::nullopt;
  if (next.operand(0) == counter) {
    const auto step = integer_of(*next.operand(1));
    return step && !adds ? std::optional(-*step) : step;
  }
  return adds && next.operand(1) == counter ? integer_of(*next.operand(0)) : std::nullopt;
}

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

// Its quotes may be escaped.
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

std::optional<int64_t> counted_trips(const Instruction& loop) {
  if (const auto known = known_trip_count(loop)) return known;
  const Instruction& compare = *loop.callees()[0]->root();
  if (compare.op() != Op::compare) return std::nullopt;
  const Direction direction = compare.attrs<CompareAttrs>().direction;
  auto counting = counting_of(loop, *compare.operand(0), direction, *compare.operand(1));
  if (!counting) counting = counting_of(loop, *compare.operand(1), mirrored(direction), *compare.operand(0));
  return counting ? count(*counting) : std::nullopt;
}

}  // namespace gshard
