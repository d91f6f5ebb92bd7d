// The way back through a computation: visits instructions from the last to the first, adds up what their users gave
// them, and asks the function of each op what its operands get.
//
//   Walk walk(computation);
//   walk.ask(*x, 0);
//   walk.follow(0, computation.size());
//   walk.give(*loss, 0, one);
//   walk.run(0, computation.size());
//   walk.cotangent(*x, 0)                        // of nothing where it is zero
#pragma once

#include <vector>

#include "autodiff/activity.h"
#include "ops/value.h"

namespace gshard {

class Walk {
 public:
  // What the computation has by now is the program; what comes later is its backward pass.
  explicit Walk(Computation& computation);

  Computation& computation() const { return computation_; }

  // The gradient with respect to this leaf is asked for. To be said before the instruction is followed.
  void ask(const Instruction& x, size_t leaf) { activity_.mark(x, leaf); }
  // Finds out which of the instructions with these numbers depend on what was asked for.
  void follow(size_t first, size_t last) { activity_.follow(first, last); }
  bool is_active(const Instruction& x, size_t leaf) const { return activity_.of(x, leaf); }
  const LeafSet& active_leaves(const Instruction& x) const { return activity_.of(x); }

  // Adds a cotangent to those of a leaf.
  void give(const Instruction& x, size_t leaf, Value cotangent);
  // The sum of those given so far.
  Value cotangent(const Instruction& x, size_t leaf);
  // Visits the instructions with these numbers, from the last to the first, that have a cotangent.
  void run(size_t first, size_t last);
  // Goes through what was appended from `first` on, whose result is another way to compute something: `cotangents` are
  // those of the leaves of `result`, of nothing where they are zero.
  void run_through(size_t first, Value result, const std::vector<Value>& cotangents);

  // Puts a value, made at the end of the computation, into the place of an instruction before it. Afterwards the
  // computation is not in order until finish().
  void replace(Instruction& old, Value replacement);
  // Instructions from `first` on come from the places in the model that they say.
  void keep_places(size_t first);
  // They also stand for `of`: they are of the program if it is.
  void adopt(size_t first, const Instruction& of);
  bool is_program(const Instruction& x) const { return x.index() < is_program_.size() && is_program_[x.index()]; }
  // Puts operands before users again.
  void finish();

 private:
  void visit(Instruction& x);
  void place(size_t first, const Instruction& x);
  std::vector<Value>& given(const Instruction& x, size_t leaf);

  Computation& computation_;
  Activity activity_;
  std::vector<std::vector<std::vector<Value>>> given_;  // by instruction and leaf
  std::vector<bool> is_program_;
  std::vector<bool> is_placed_;  // says where in the model it comes from
  bool is_in_order_ = true;
};

// Where the gradient of an instruction comes from: the instruction's place, its name in transpose(...).
std::shared_ptr<const Metadata> transposed_metadata(const Instruction& x);

// Makes the instructions with numbers from `first` on, and before `last`, come from there.
void set_metadata(Computation& computation, size_t first, size_t last, const std::shared_ptr<const Metadata>& metadata);

}  // namespace gshard
