// Which computations of a module mean the same: equal up to the names of instructions and computations.
//
//   %add_f32 (a: f32[], b: f32[]) and %add_f32.clone (x: f32[], y: f32[]) are of one class.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "ir/module.h"

namespace gshard {

class ComputationClasses {
 public:
  explicit ComputationClasses(const Module& module);

  // Equal numbers for computations that mean the same.
  int64_t class_of(const Computation& computation) const { return classes_.at(&computation); }

 private:
  std::unordered_map<const Computation*, int64_t> classes_;
};

// Hash and equality of one instruction without its operands, names and metadata: op, type, attributes, annotation,
// and the classes of its callees.
uint64_t hash_of_head(const Instruction& instruction, const ComputationClasses& classes);
bool same_head(const Instruction& a, const Instruction& b, const ComputationClasses& classes);

}  // namespace gshard
