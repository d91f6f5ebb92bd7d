// The ops of a module as constraints between the shardings of its values.
//
// Every op with a factor rule is one constraint over its operands and results; every place where a value enters or
// leaves a called computation (the start value of a loop, its next state, the branches of a conditional) is an identity
// between two values. Propagation and planning see constraints, never opcodes.
#pragma once

#include <memory>
#include <vector>

#include "ops/rule.h"
#include "shard/value_table.h"

namespace gshard {

// The loops of an op, and for each tensor of which of them its dimensions are made, and their sizes.
struct Loops {
  std::vector<Factor> factors;
  std::vector<TensorFactors> dims;
  std::vector<Dims> sizes;
};

struct Constraint {
  const Instruction* instruction = nullptr;  // the op, or the one whose edge this is
  std::shared_ptr<const Loops> loops;        // ops of one form share them
  SmallVector<ValueClass, 4> tensors;        // arrays only: the operands, then the results
  uint32_t operand_count = 0;                // how many of the tensors are operands
  // 0: values pass through unchanged or pointwise; 1: what the results keep of contractions, reductions, indexing and
  // windows; 2: their reduce factors as well, whose cut costs a collective, and dimensions that are brought together
  // for the op but may lie before and after it as they like; 3: broadcasts.
  int level = 0;
};

// That two values of one shape lie alike, at level 0. `instruction` is where that comes from.
Constraint identity_between(const Instruction& instruction, const Shape& shape, ValueClass from, ValueClass to);

// All constraints of a module. They stand as their instructions do, so that what is near in the program is near in
// memory, and are visited in an order that does not depend on that of the text.
struct Constraints {
  std::vector<Constraint> all;
  // Places in `all`, each once: by level, size of the largest tensor (large first) and structure.
  std::vector<uint32_t> order;

  // Adds constraints of level 0 that come before all others, the last of them first.
  void put_first(std::vector<Constraint> constraints);
};

Constraints constraints_of(const Module& module, const ValueTable& values);

}  // namespace gshard
