// Where a partitioned program and the whole one part: every value of the whole program in turn, against what the
// devices hold of it.
//
//   Replay r = replay(prepared, program, arguments, 1e-9);
//   r.fault->instruction           // the first that the devices compute otherwise from the same operands
//
// The whole program goes on with the devices' value in place of its own wherever the two are equal up to rounding. So
// every op is judged on the operands that the devices have, rounding does not add up, and a decision (a comparison, the
// order of a sort, the larger of two) is only found to be another where it is wrong. Where it is not, but falls
// otherwise than in the whole program by itself, it was a tie.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "eval/evaluate.h"
#include "runtime/compare.h"
#include "shard/partition.h"

namespace gshard {

// A value that differs.
struct ValueDifference {
  const Instruction* instruction = nullptr;  // of the prepared module
  size_t leaf = 0;
  int64_t run = 0;  // in which of its executions, the first is 0
  Shape shape;      // as evaluated
  Sharding sharding;
  Comparison comparison;
  // Where devices that should hold the same do not: which.
  std::string copies;
};

struct Replay {
  std::optional<ValueDifference> fault;
  // Without a fault: the first decisions that fell otherwise than in the whole program by itself, in its order.
  std::vector<ValueDifference> ties;
  // Of the whole program in f64, going on with the devices' values. Empty where there is a fault.
  Literal result;
};

// `program` is partition(prepared) with its trace; both are evaluated in f64. `arguments` are converted already.
Replay replay(const Module& prepared, const Partitioned& program, std::span<const Literal> arguments, double tolerance,
              const EvaluateOptions& options = {});

// The instructions through which a value reaches the result of the entry computation, from the value's first user on
// (or the loop or call that it is inside of): the first dozen.
std::vector<const Instruction*> way_to(const Module& module, const Instruction& value);

}  // namespace gshard
