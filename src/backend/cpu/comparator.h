// What a comparator of a sort looks at.
//
//   compare(f(a0), f(b0)), direction=GT                                              one key: f of operand 0,
//   descending or(compare(a0, b0), direction=LT,
//      and(compare(a0, b0), direction=EQ, compare(a1, b1), direction=LT))            two keys
//
// (a_k and b_k are the parameters 2k and 2k + 1.) Such sorts need no comparisons of elements: their keys are sorted.
#pragma once

#include <vector>

#include "ir/module.h"

namespace gshard::cpu {

struct SortKey {
  const Instruction* value;  // of the left element, in terms of parameters with even numbers
  bool descending = false;
  bool total_order = false;  // of floats: -0 below +0, NaNs at the ends
};

// The keys by which a comparator orders, the first one decides; none where it does something else.
std::vector<SortKey> keys_of(const Computation& comparator);

}  // namespace gshard::cpu
