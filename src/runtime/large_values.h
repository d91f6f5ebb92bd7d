// Large values of which the devices of a partitioned program hold too much each.
//
//   for (const HeldValue& held : large_values(parts, 64 << 20, 1.0 / 64)) report(*held.value, held.share);
#pragma once

#include <cstdint>
#include <vector>

#include "shard/partition.h"

namespace gshard {

struct HeldValue {
  const Instruction* value = nullptr;  // of the whole program
  double share = 0;                    // of it that a device holds
};

// Values of the whole program of more than so many bytes of which a device holds a larger share than this, as they were
// made. What is gathered for the use of one op is not among them.
std::vector<HeldValue> large_values(const Partitioned& program, int64_t bytes, double share);

}  // namespace gshard
