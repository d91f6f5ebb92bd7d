// Which values of a computation depend on those that gradients are asked of. The others need no cotangents.
//
//   Activity activity(computation);
//   activity.mark(*x, 0);                        // the gradient with respect to x is asked for
//   activity.follow(0, computation.size());
//   activity.of(*y, 0)                           // whether y, or a leaf of it, can change with x
#pragma once

#include <vector>

#include "ir/module.h"

namespace gshard {

// One entry per leaf of a value (autodiff/leaves.h).
using LeafSet = std::vector<bool>;

class Activity {
 public:
  explicit Activity(const Computation& computation) : computation_(computation) {}

  // Does nothing to a leaf that can have no cotangent.
  void mark(const Instruction& x, size_t leaf);
  // Follows what is marked through the instructions with these numbers, in order. What they are made of was followed
  // before.
  void follow(size_t first, size_t last);

  bool of(const Instruction& x, size_t leaf) const;
  // Of all leaves; empty where none is.
  const LeafSet& of(const Instruction& x) const;

 private:
  LeafSet result_of(const Instruction& x) const;
  LeafSet of_any_operand(const Instruction& x) const;
  LeafSet of_operands_in_order(const Instruction& x) const;
  LeafSet of_element(const Instruction& x) const;
  LeafSet of_branches(const Instruction& x) const;

  const Computation& computation_;
  std::vector<LeafSet> active_;
};

// What is active of a computation's result where that is active of its parameters.
LeafSet active_result(const Computation& computation, const std::vector<LeafSet>& parameters);

// What is active of the state of a loop after any number of rounds.
LeafSet active_state(const Instruction& loop, LeafSet initial);

}  // namespace gshard
