// What the devices of a partitioned program send each other, and because of what.
#pragma once

#include <string>
#include <vector>

#include "shard/partition.h"

namespace gshard {

struct Communication {
  // The op of the whole program that made it necessary; null where that is not known.
  const Instruction* cause = nullptr;
  // The value that moves from one sharding into another; null where it is a part of how the op itself is done.
  const Instruction* value = nullptr;
  Shape shape;
  Sharding from;
  Sharding to;
  std::vector<const Instruction*> collectives;  // of the per-device program, in order
  double runs = 1;                              // of these, loops multiplied out
  double bytes = 0;                             // that each device sends in all of them
  double seconds = 0;                           // estimated for all of them

  // "all-gather", "all-gather + all-to-all".
  std::string kind() const;
};

// All of a program, most bytes first. `prepared` is what was partitioned, `machine` what it was partitioned for.
std::vector<Communication> communications_of(const Module& prepared, const Partitioned& program,
                                             const Machine& machine);

// estimate() of shard/partition.h with all loops multiplied out whose trips are known.
Estimate loops_estimated(const Module& prepared, const PartitionOptions& options);

}  // namespace gshard
