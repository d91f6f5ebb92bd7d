// How often a loop runs.
//
//   while (i, x) : i < 32 { i + 1, f(i, x) }, started at (0, a)       runs 32 times
#pragma once

#include <cstdint>
#include <optional>

#include "ir/instruction.h"

namespace gshard {

// The number of times that the body of a `while` runs: as its backend_config says (known_trip_count), or as follows
// from what the condition depends on, where that is simple arithmetic on values that start as constants. Counting up
// or down to a bound takes no time, however far; other loops are run, without the rest of their bodies, for up to
// `max_steps` steps. Nothing where that does not tell.
std::optional<int64_t> trip_count(const Instruction& loop, int64_t max_steps = 10'000);

}  // namespace gshard
