// The body of a loop on the way back: one round, forwards and then backwards, and what passes from the first to the
// second.
//
//   x' = sin(w * x)      has      dx = dx' * cos(w * x) * w,  dw = dw' + dx' * cos(w * x) * x
//
// keeps w * x and x of each round; w never changes.
#pragma once

#include <memory>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include "autodiff/activity.h"
#include "autodiff/copier.h"
#include "ops/value.h"

namespace gshard {

class LoopBody {
 public:
  // `active`: the leaves of the state that depend on what gradients are asked of; `carried`: those of them whose
  // cotangents are not zero behind the loop.
  LoopBody(const Instruction& loop, const LeafSet& active, std::set<size_t> carried);

  // The leaves of the state that have cotangents in some round, ascending.
  const std::vector<size_t>& carried() const { return carried_; }
  // Arrays that a round backwards reads of its round forwards, and those it reads that are the same in all rounds:
  // leaves of the state.
  const std::vector<Shape>& kept() const { return kept_shapes_; }
  const std::vector<size_t>& constant() const { return constant_; }

  // The state after a round, and what is kept of it.
  struct Forwards {
    Value next;
    std::vector<Value> kept;
  };
  Forwards forwards(Value state) const;

  // The cotangents of the carried leaves before a round, from those after it.
  std::vector<Value> backwards(Computation& in, Values cotangents, Values kept, Values constant) const;

 private:
  using Leaf = std::pair<const Instruction*, size_t>;

  bool differentiate(const Instruction& loop, const LeafSet& active, std::set<size_t>& carried);
  void choose_kept();
  void need(const Instruction& x);
  void keep(const Instruction& x, size_t leaf);
  bool is_forward(const Instruction& x) const;
  bool is_constant(size_t leaf) const;
  bool is_made_of_constants(const Instruction& x) const;
  bool is_cheap(const Instruction& x) const;
  Value read(Computation& in, const Instruction& x, const std::vector<Value>& of_state, Values kept) const;

  std::unique_ptr<Computation> round_;
  std::unordered_set<const Instruction*> program_;  // instructions of the round forwards
  std::vector<size_t> carried_;
  std::vector<Instruction*> seeds_;       // parameters: the cotangents of the carried leaves after the round
  std::vector<Instruction*> cotangents_;  // of the carried leaves before it; null where zero
  std::unordered_set<const Instruction*> made_of_constants_;
  std::unordered_set<const Instruction*> needed_;   // instructions of the round backwards
  std::unordered_set<const Instruction*> sources_;  // whose leaves are kept
  std::vector<Leaf> kept_;
  std::vector<Shape> kept_shapes_;
  std::vector<size_t> constant_;
};

}  // namespace gshard
