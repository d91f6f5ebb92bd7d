// From which annotation a value has its sharding.
//
//   lineage_of(propagated, hidden, x)      hidden <- inputs (through the dot) <- inputs' own annotation
#pragma once

#include <vector>

#include "shard/partition.h"

namespace gshard {

struct LineageStep {
  ValueClass value = 0;
  size_t dim = 0;  // which the digit cuts
  // The op through which the value has it from that of the next step; null for the last one, which was annotated.
  const Instruction* through = nullptr;
};

// The way of a mesh digit that cuts a dimension of a value, back to its source. Empty where it cuts none.
std::vector<LineageStep> lineage_of(const Propagated& propagated, ValueClass value, Digit digit);

}  // namespace gshard
