// The gradient of a conditional: a conditional over the same selector, whose branches compute those of the program
// again and give the cotangents of all arguments, zeros for those of other branches.
#include <algorithm>
#include <map>

#include "autodiff/gradients.h"
#include "autodiff/leaves.h"
#include "autodiff/repeat.h"
#include "ops/build.h"

namespace gshard {
namespace {

// A leaf of an argument that wants a cotangent. The same value may be an argument of several branches.
struct Slot {
  size_t branch;
  size_t leaf;
  size_t last_branch;  // of those that it is an argument of
  Shape shape;
};

// What an argument's leaf is made of.
std::pair<const Instruction*, size_t> origin_of(const Instruction* x, size_t leaf) {
  while (x->op() == Op::tuple) {
    const LeafPlace place = place_of(x->shape(), leaf);
    x = x->operand(place.element);
    leaf = place.leaf;
  }
  return {x, leaf};
}

class ConditionalPullback {
 public:
  explicit ConditionalPullback(Pullback& p) : p_(p) {
    const size_t branches = p.instruction().callees().size();
    slot_of_.resize(branches);
    for (size_t b = 0; b < branches; ++b) {
      for (size_t leaf = 0; leaf < leaf_count(argument(b).shape()); ++leaf) {
        if (p.wants(b + 1, leaf)) slot_of_[b][leaf] = slot_for(b, leaf);
      }
    }
    for (const Value& x : p.cotangents()) {
      if (x.instruction() != nullptr) given_.push_back(x);
    }
  }

  void run() {
    std::vector<Value> arguments;
    std::vector<Computation*> branches;
    for (size_t b = 0; b < slot_of_.size(); ++b) {
      std::vector<Value> elements{argument(b)};
      elements.insert(elements.end(), given_.begin(), given_.end());
      arguments.push_back(tuple(elements));
      branches.push_back(&backward_branch(b, arguments.back().shape()));
    }
    const Value all = conditional(p_.operand(0), arguments, branches);
    for (size_t s = 0; s < slots_.size(); ++s) {
      p_.give_leaf(slots_[s].branch + 1, slots_[s].leaf, get_tuple_element(all, static_cast<int64_t>(s)));
    }
  }

 private:
  Value argument(size_t branch) const { return p_.operand(branch + 1); }

  // That of the same value in a branch before, or a new one.
  size_t slot_for(size_t branch, size_t leaf) {
    const auto origin = origin_of(argument(branch).instruction(), leaf);
    for (size_t s = 0; s < slots_.size(); ++s) {
      const bool is_same = origin_of(argument(slots_[s].branch).instruction(), slots_[s].leaf) == origin;
      if (is_same && slots_[s].last_branch != branch) {
        slots_[s].last_branch = branch;
        return s;
      }
    }
    slots_.push_back({branch, leaf, branch, leaf_shape(argument(branch).shape(), leaf).without_layout()});
    return slots_.size() - 1;
  }

  Computation& backward_branch(size_t b, const Shape& argument) const {
    const Computation& branch = *p_.instruction().callees()[b];
    check_repeatable(p_, branch);
    return define(*branch.parent(), branch.name(), {argument}, [&](Computation& in, Values p) {
      const std::vector<Value> elements = unpack(p[0]);
      Instruction* const before = elements[0].instruction();
      const size_t first = in.size();
      const Instruction& result = *clone_body(branch, {&before, 1}, in);
      const size_t last = in.size();
      Walk walk(in);
      for (const auto& [leaf, slot] : slot_of_[b]) walk.ask(*before, leaf);
      walk.follow(first, last);
      seed(walk, result, elements);
      walk.run(first, last);
      std::vector<Value> results;
      for (const Slot& slot : slots_) results.push_back(full(in, slot.shape, 0));
      for (const auto& [leaf, slot] : slot_of_[b]) {
        const Value found = walk.cotangent(*before, leaf);
        if (found.instruction() != nullptr) results[slot] = found;
      }
      walk.finish();
      return tuple(results);
    });
  }

  // The cotangents of the result are the argument's elements from 1 on.
  void seed(Walk& walk, const Instruction& result, const std::vector<Value>& elements) const {
    size_t next = 1;
    for (size_t leaf = 0; leaf < p_.cotangents().size(); ++leaf) {
      if (p_.cotangent(leaf).instruction() == nullptr) continue;
      if (walk.is_active(result, leaf)) walk.give(result, leaf, elements[next]);
      ++next;
    }
  }

  Pullback& p_;
  std::vector<Value> given_;  // the cotangents that are not zero
  std::vector<Slot> slots_;
  std::vector<std::map<size_t, size_t>> slot_of_;  // by branch and leaf
};

}  // namespace

void gradient_conditional(Pullback& p) { ConditionalPullback(p).run(); }

}  // namespace gshard
