#include "runtime/dependence.h"

#include <algorithm>

#include "shard/value_table.h"

namespace gshard {
namespace {

bool comes_from_outside(const Instruction& i) {
  switch (i.op()) {
    case Op::infeed:
    case Op::recv:
    case Op::rng:
    case Op::rng_get_and_update_state:
      return true;
    default:
      return i.op() == Op::parameter && i.parent() == i.parent()->parent()->entry();
  }
}

// Ops whose operands and results are one value under several names, which the table knows already.
bool is_renaming(Op op) {
  return op == Op::tuple || op == Op::get_tuple_element || op == Op::opt_barrier || op == Op::domain;
}

class Dependence {
 public:
  explicit Dependence(const Module& module) : module_(module), values_(module), dependent_(values_.class_count()) {}

  std::vector<bool> run() {
    do {
      changed_ = false;
      for (const auto& computation : module_.computations()) {
        for (const auto& instruction : computation->instructions()) visit(*instruction);
      }
    } while (changed_);
    std::vector<bool> results;
    const Instruction& root = *module_.entry()->root();
    for (size_t leaf = 0; leaf < values_.leaf_count(root); ++leaf) results.push_back(is_dependent(root, leaf));
    return results;
  }

 private:
  void visit(const Instruction& i) {
    if (is_renaming(i.op())) return;
    if (comes_from_outside(i)) return mark_all(i);
    switch (i.op()) {
      case Op::while_:
        flow(*i.operand(0), i);
        return flow(*i.callees()[1]->root(), i);
      case Op::conditional:
        for (size_t branch = 0; branch < i.callees().size(); ++branch) {
          flow(*i.operand(branch + 1), *i.callees()[branch]->parameter(0));
          flow(*i.callees()[branch]->root(), i);
        }
        if (is_dependent(*i.operand(0), 0)) mark_all(i);
        return;
      case Op::call:
        for (size_t n = 0; n < i.operand_count(); ++n) flow(*i.operand(n), *i.callees()[0]->parameter(n));
        return flow(*i.callees()[0]->root(), i);
      default:
        break;
    }
    for (const Instruction* operand : i.operands()) {
      if (is_any_dependent(*operand)) return mark_all(i);
    }
  }

  bool is_dependent(const Instruction& i, size_t leaf) const {
    return dependent_[static_cast<size_t>(values_.class_of(i, leaf))];
  }

  bool is_any_dependent(const Instruction& i) const {
    for (size_t leaf = 0; leaf < values_.leaf_count(i); ++leaf) {
      if (is_dependent(i, leaf)) return true;
    }
    return false;
  }

  void mark(const Instruction& i, size_t leaf) {
    if (is_dependent(i, leaf)) return;
    dependent_[static_cast<size_t>(values_.class_of(i, leaf))] = true;
    changed_ = true;
  }

  void mark_all(const Instruction& i) {
    for (size_t leaf = 0; leaf < values_.leaf_count(i); ++leaf) mark(i, leaf);
  }

  void flow(const Instruction& from, const Instruction& to) {
    for (size_t leaf = 0; leaf < values_.leaf_count(from); ++leaf) {
      if (is_dependent(from, leaf)) mark(to, leaf);
    }
  }

  const Module& module_;
  const ValueTable values_;
  std::vector<bool> dependent_;  // by class of values
  bool changed_ = false;
};

}  // namespace

std::vector<bool> results_dependent_on_arguments(const Module& module) { return Dependence(module).run(); }

}  // namespace gshard
