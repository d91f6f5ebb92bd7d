// Copying some instructions of a computation into another.
//
//   Copier copier(body);
//   copier.put(*x, y);                   // what stands for x there
//   copier.copy(*z);                     // z, with the copies of its operands
#pragma once

#include <unordered_map>

#include "ops/value.h"

namespace gshard {

class Copier {
 public:
  explicit Copier(Computation& into) : into_(into) {}

  void put(const Instruction& original, Value copy) { copies_[&original] = copy.instruction(); }
  bool has(const Instruction& original) const { return copies_.contains(&original); }
  Value at(const Instruction& original) const { return copies_.at(&original); }

  // An element of a tuple that was put together in the copy is what was put there. Operands were copied before.
  void copy(const Instruction& original);
  // All instructions in order, but for those that have a copy already.
  void copy_all(const Computation& from);

 private:
  Computation& into_;
  std::unordered_map<const Instruction*, Instruction*> copies_;
};

}  // namespace gshard
