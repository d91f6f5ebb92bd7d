// What the partitioner did and why: the record behind `explain` and the reports.
#pragma once

#include <string>
#include <vector>

#include "ir/module.h"
#include "ir/sharding.h"

namespace gshard {

// One value that was brought from one sharding into another by communication.
struct ReshardRecord {
  const Instruction* value = nullptr;  // of the whole program: whose value moves
  const Instruction* cause = nullptr;  // of the whole program: the op that made it necessary, as reader or as maker
  Shape shape;                         // global
  Sharding from;
  Sharding to;
  // The collectives that do it, in the per-device module, in order.
  std::vector<const Instruction*> collectives;
  double bytes = 0;    // that each device sends
  double seconds = 0;  // estimated
};

// Where the per-device program holds a value of the whole one, as it was made: by names, since what tidies the program
// may remove instructions.
struct TracedValue {
  const Instruction* value = nullptr;  // of the whole program
  size_t leaf = 0;
  std::string computation;  // of the per-device module
  std::string name;         // of the instruction there
  Sharding sharding;
};

}  // namespace gshard
