// Which values of a module matter: they reach the entry's result, or something that acts on the outside world.
//
//   %p = (s32[], f32[8], f32[8]) parameter(0)       state of a loop whose element 2 is only handed on to itself
//
// Tuples are looked at element by element, through loops, branches and calls, so element 2 above is dead.
#pragma once

#include <unordered_map>
#include <vector>

#include "ir/module.h"
#include "transform/effects.h"

namespace gshard {

// One use of a computation: `caller`'s callees()[position].
struct CallSite {
  const Instruction* caller;
  size_t position;
};

class Liveness {
 public:
  explicit Liveness(const Module& module);

  bool is_live(const Instruction& x) const { return slots(x)[0] != 0; }
  // Whether element i of a tuple matters.
  bool is_live(const Instruction& x, size_t i) const { return slots(x)[i + 1] != 0; }

  // Whether single elements of this tuple can be dead while others live: its maker and all who take it as a whole can
  // be told to leave elements out. All elements of other tuples live or die together.
  bool is_divisible(const Instruction& x) const;

  // The callers of a computation, one per use.
  const std::vector<CallSite>& call_sites(const Computation& computation) const;

 private:
  // In place of an element: all of them; none yet, though the tuple must be there.
  static constexpr size_t kWhole = static_cast<size_t>(-1);
  static constexpr size_t kNone = static_cast<size_t>(-2);

  const char* slots(const Instruction& x) const;
  void find_call_sites(const Module& module);
  bool has_one_caller(const Instruction& caller) const;
  void mark(const Instruction* x, size_t element);
  void mark_slot(const Instruction* x, size_t slot);
  void mark_operands(const Instruction& x);
  void propagate(const Instruction& x, size_t slot);
  void propagate_element(const Instruction& x, size_t element);
  void propagate_to_callers(const Instruction& parameter, size_t element);
  void propagate_to_caller(const CallSite& site, const Instruction& parameter, size_t element);
  void propagate_from_callees(const Instruction& caller);

  // Per instruction: one slot for "is needed at all", then one per element of its tuple.
  struct Table {
    std::vector<size_t> starts;
    std::vector<char> live;
  };
  std::unordered_map<const Computation*, Table> tables_;
  std::unordered_map<const Computation*, std::vector<CallSite>> call_sites_;
  std::vector<std::pair<const Instruction*, size_t>> pending_;
};

}  // namespace gshard
