// How the dots of a computation run: on which arrays, through which strides, and what they write.
//
//   %t = transpose(%x)  %d = dot(%t, %w)  %y = transpose(%d)      one matrix product reads %x and %w and writes %y
//
// Ops that only move elements are strides of the product where nothing else needs them.
#pragma once

#include <unordered_map>
#include <vector>

#include "backend/cpu/matmul.h"

namespace gshard::cpu {

struct DotPlan {
  const Instruction* dot;
  const Instruction* output;  // what is written: the dot, or what only moves or converts its result
  StridedView lhs;            // of the dot's operands
  StridedView rhs;
  MatmulSpec spec;
};

// What each instruction of a computation reads when dots run by their plans.
class Reads {
 public:
  explicit Reads(const Computation& computation);

  // The plan that computes an instruction; null where none does.
  const DotPlan* plan_of(const Instruction& output) const;
  std::span<const Instruction* const> read_by(const Instruction& x) const { return read_by_[x.index()]; }
  std::span<const Instruction* const> users_of(const Instruction& x) const { return users_[x.index()]; }
  // Whether only plans saw it, which read something else instead: it is not computed.
  bool is_skipped(const Instruction& x) const { return skipped_[x.index()] != 0; }

 private:
  void skip_unread(const Computation& computation);

  std::unordered_map<const Instruction*, DotPlan> plans_;  // by output
  std::vector<std::vector<const Instruction*>> read_by_;
  std::vector<std::vector<const Instruction*>> users_;
  std::vector<char> skipped_;
};

}  // namespace gshard::cpu
