// Combiners that choose one of their two arguments.
//
//   (x, i), (y, j)  ->  (select(x > y, x, y), select(x > y, i, j))
#pragma once

#include <optional>

#include "ir/module.h"

namespace gshard {

// Whether every part of the result is that part of one of the two arguments.
bool is_selection(const Computation& combine);

// GE where all parts come from the argument whose first part is larger, LE where they come from that of the smaller
// one.
std::optional<Direction> order_of(const Computation& combine);

// GE for a comparison of its two parameters that the larger one wins, or either at a tie; LE for the opposite.
std::optional<Direction> direction_of(const Computation& comparison);

}  // namespace gshard
