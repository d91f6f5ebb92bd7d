// Loops over one counter, whose number of rounds can be read off.
//
//   while (i, x) : i < 32 { i + 2, f(x) }, started at (0, a)          counted_trips == 16
#pragma once

#include <cstdint>
#include <optional>

#include "ir/instruction.h"

namespace gshard {

// A number of any integer type.
using WideInteger = __int128;

// From `start` by `step`, while `counter direction bound`.
struct Counting {
  WideInteger start;
  WideInteger step;
  Direction direction;
  WideInteger bound;
  DType type;  // of the counter
};

// The least n >= 0 for which start + n * step does not satisfy the condition. Nothing where there is none before the
// counter would wrap around.
std::optional<int64_t> count(const Counting& counting);

// The constant's number, where it is one integer.
std::optional<WideInteger> integer_of(const Instruction& constant);
// How far one step from `counter` to `next` goes: counter + c, c + counter or counter - c.
std::optional<WideInteger> step_of(const Instruction& next, const Instruction* counter);
// The direction of the comparison with its operands exchanged.
Direction mirrored(Direction direction);

// What the loop's backend_config says: {"known_trip_count":{"n":"32"}}.
std::optional<int64_t> known_trip_count(const Instruction& loop);

// The number of rounds of a `while` that says it, or that counts one element of its state from a constant to a
// constant. Nothing for other loops, which transform/trip_count.h may know more about.
std::optional<int64_t> counted_trips(const Instruction& loop);

}  // namespace gshard
