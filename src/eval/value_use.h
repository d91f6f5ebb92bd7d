// What the uses of a parameter ask of its values, so that arguments made up for it make sense.
//
//   table = f32[1000,64] parameter(0)          {fan_in 64}     contracted over 64 by a dot further down
//   ids   = s32[8] parameter(1)                {limit 1000}    start indices of a gather from the table
//   rows  = f32[8,64] gather(table, ids), ...
//
// The demands flow from uses back to parameters, through everything that keeps values what they are: reshapes,
// slices, converts, calls, loops, sharding annotations. Each computation is walked a few times, whatever calls it.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "ir/module.h"

namespace gshard {

// What is asked of one array. Demands of several uses are joined to the strictest.
struct ValueUse {
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  int64_t limit = kNoLimit;  // integers: all values below, since they are positions in something of this size
  int64_t low = 0;           // integers: no value below; 1 for lengths and divisors
  int64_t fan_in = 1;        // floats: elements summed up in each dot or convolution over them
  bool below_one = false;    // floats: the operand of asin, atanh, 1 - x, ...
  bool above_one = false;    // floats: the operand of acosh
  bool random_bits = false;  // unsigned integers: keys and states of random number generators
  bool sorted = false;       // integers: the op was promised sorted indices,
  bool unique = false;       // and that none comes twice.
  int64_t row = 1;           // Both speak of rows of so many elements, compared lexicographically.

  // Takes over what is stricter in the other. Returns whether anything changed.
  bool join(const ValueUse& other);
  bool operator==(const ValueUse&) const = default;
};

// For each parameter of the entry computation of a verified module one ValueUse per leaf (Shape::leaf_count), in
// depth-first order. A module of millions of tuple elements is not analysed: nothing is asked there.
std::vector<std::vector<ValueUse>> parameter_uses(const Module& module);

}  // namespace gshard
