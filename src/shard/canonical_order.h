// An order of instructions that does not depend on the order of the text, for choices that must fall in some order.
#pragma once

#include <cstdint>
#include <vector>

#include "shard/value_table.h"

namespace gshard {

// A number for every instruction (by ValueTable::position_of) made of what it computes, how it is annotated, and who
// uses it for what. Instructions with the same number are interchangeable.
std::vector<uint64_t> canonical_numbers(const Module& module, const ValueTable& values);

}  // namespace gshard
