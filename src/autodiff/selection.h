// Combiners that choose one of their two arguments.
//
//   (x, i), (y, j)  ->  (select(x > y, x, y), select(x > y, i, j))
#pragma once

#include <optional>
#include <vector>

#include "ir/module.h"

namespace gshard {

// Whether every part of the result is that part of one of the two arguments.
bool is_selection(const Computation& combine);

// For each part of a selection which choice it is of, by the number of the first part of that: parts are chosen
// together where what chooses one reads the other, and else each on its own.
//
//   (x, i), (y, j)  ->  (max(x, y), min(i, j))                               {0, 1}
//   (x, i), (y, j)  ->  (select(x > y, x, y), select(x > y, i, j))           {0, 0}
std::vector<size_t> choices_of(const Computation& combine);

// GE and GT where all parts come from the argument whose first part is larger, LE and LT where they come from that of
// the smaller one; of equal ones GE and LE take the first, GT and LT the second argument.
std::optional<Direction> order_of(const Computation& combine);

// The direction of a comparison of its two parameters by size.
std::optional<Direction> direction_of(const Computation& comparison);

// GE and GT, but not LE and LT.
bool is_larger(Direction direction);

}  // namespace gshard
