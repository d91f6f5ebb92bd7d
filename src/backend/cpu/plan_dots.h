// How the dots of a computation run: on which arrays, through which strides, and what they write.
//
//   %t = transpose(%x)  %d = dot(%t, %w)  %y = transpose(%d)      one matrix product reads %x and %w and writes %y
//
//   %d = dot(%x, %w)  %s = add(%d, broadcast(%b))  dot(%s, ...)                   the first one adds %b
//
// Ops that only move elements are strides of the product where nothing else needs them. A bias and a constant factor
// are the product's too where no loop follows that would have them for nothing.
#pragma once

#include <unordered_map>
#include <vector>

#include "backend/cpu/matmul.h"

namespace gshard::cpu {

struct DotPlan {
  const Instruction* dot;
  const Instruction* output;  // what is written: the dot, or what moves, converts, adds to or scales its result
  StridedView lhs;            // of the dot's operands
  StridedView rhs;
  std::optional<StridedView> bias;
  MatmulSpec spec;
};

// Whether a product may do what follows it, so that the dot's own result stands nowhere.
enum class Epilogues : uint8_t { none, folded };

// What each instruction of a computation reads when dots run by their plans.
class Reads {
 public:
  Reads(const Computation& computation, Epilogues epilogues);

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
