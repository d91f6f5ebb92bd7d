// The arrays and tokens in literals that are tuples of any depth, from left to right.
//
//   std::vector<Literal> leaves;
//   add_leaves(((a, b), c), leaves);                 // a, b, c
//   size_t next = 0;
//   rebuilt(((f32[2], s32[]), f32[3]), leaves, next);   // ((a, b), c) again; next is 3
#pragma once

#include <span>
#include <vector>

#include "ir/literal.h"

namespace gshard {

// Appends the leaves of a value, which is its own leaf where it is no tuple. Literals share their bytes: nothing is
// copied.
void add_leaves(Literal value, std::vector<Literal>& leaves);

// A value with the tuples of `like`, of the leaves from number `next` on, which are moved into it; `next` passes them.
Literal rebuilt(const Shape& like, std::span<Literal> leaves, size_t& next);

}  // namespace gshard
