#include "transform/structure.h"

#include <algorithm>

#include "base/hash.h"
#include "transform/annotation.h"

namespace gshard {
namespace {

uint64_t hash_of_body(const Computation& computation, const ComputationClasses& classes) {
  uint64_t seed = computation.size();
  for (const auto& instruction : computation.instructions()) {
    hash_combine(seed, hash_of_head(*instruction, classes));
    for (const Instruction* operand : instruction->operands()) hash_combine(seed, operand->index());
  }
  hash_combine(seed, computation.root()->index());
  return seed;
}

bool same_positions(const Instruction::Operands& a, const Instruction::Operands& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Instruction* x, const Instruction* y) { return x->index() == y->index(); });
}

bool same_body(const Computation& a, const Computation& b, const ComputationClasses& classes) {
  if (a.size() != b.size() || a.root()->index() != b.root()->index()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const Instruction& x = *a.at(i);
    const Instruction& y = *b.at(i);
    if (!same_head(x, y, classes) || !same_positions(x.operands(), y.operands()) ||
        !same_positions(x.control_predecessors(), y.control_predecessors())) {
      return false;
    }
  }
  return true;
}

}  // namespace

uint64_t hash_of_head(const Instruction& instruction, const ComputationClasses& classes) {
  uint64_t seed = static_cast<uint64_t>(instruction.op());
  hash_combine(seed, instruction.shape().hash());
  hash_combine(seed, hash_of(instruction.attributes()));
  for (const Computation* callee : instruction.callees()) {
    hash_combine(seed, static_cast<uint64_t>(classes.class_of(*callee)));
  }
  return seed;
}

bool same_head(const Instruction& a, const Instruction& b, const ComputationClasses& classes) {
  const auto& x = a.callees();
  const auto& y = b.callees();
  return a.op() == b.op() && a.shape() == b.shape() && same_annotation(a.notes(), b.notes()) &&
         (a.shared_attributes() == b.shared_attributes() || a.attributes() == b.attributes()) &&
         std::equal(x.begin(), x.end(), y.begin(), y.end(), [&](const Computation* c, const Computation* d) {
           return classes.class_of(*c) == classes.class_of(*d);
         });
}

ComputationClasses::ComputationClasses(const Module& module) {
  std::unordered_map<uint64_t, std::vector<const Computation*>> seen;
  int64_t next = 0;
  for (const auto& computation : module.computations()) {  // callees first
    auto& alike = seen[hash_of_body(*computation, *this)];
    const auto twin = std::find_if(alike.begin(), alike.end(),
                                   [&](const Computation* other) { return same_body(*computation, *other, *this); });
    classes_[computation.get()] = twin != alike.end() ? class_of(**twin) : next++;
    if (twin == alike.end()) alike.push_back(computation.get());
  }
}

}  // namespace gshard
