// Loops of the per-device program that run a known number of times.
//
//   counted_loop(op, {0, 3}, {x}, [](Emitter& body, Instruction* round, const auto& state) { return ... });
//
//   %loop = (s32[], f32[8]) while(%start), condition=..., body=...          round 0, 1, 2
#pragma once

#include <functional>
#include <vector>

#include "shard/way.h"

namespace gshard {

// Numbers of the rounds, from the first to the one after the last.
struct Rounds {
  int64_t first = 0;
  int64_t end = 0;
};

// From the number of a round, s32[], and the state before it the state behind it, of the same shapes. Emits into the
// body of the loop, which knows no other values.
using Round = std::function<std::vector<Instruction*>(Emitter& body, Instruction* number,
                                                      const std::vector<Instruction*>& state)>;

// The state behind the last round of a loop that is a part of `op`.
std::vector<Instruction*> counted_loop(const LocalOp& op, Rounds rounds, std::vector<Instruction*> state,
                                       const Round& round);

}  // namespace gshard
