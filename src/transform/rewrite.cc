#include "transform/rewrite.h"

#include <algorithm>

#include "transform/annotation.h"

namespace gshard {
namespace {

// A rule that keeps answering with new instructions is a wrong rule; this bounds the harm.
constexpr int kMaxChain = 32;

class Walk {
 public:
  Walk(Computation& computation, const Rule& rule)
      : computation_(computation), rule_(rule), count_(computation.size()), now_(count_), added_(count_) {}

  bool run() {
    for (size_t i = 0; i < count_; ++i) visit(*computation_.at(i));
    if (changed_) {
      finish();
    } else if (computation_.size() > count_) {  // left over from rules that did not apply in the end
      computation_.remove_if([&](const Instruction& x) { return x.index() >= count_; });
    }
    return changed_;
  }

 private:
  // The instructions that a replacement added: [first, last) of the computation.
  struct Range {
    size_t first = 0;
    size_t last = 0;
  };

  void visit(Instruction& instruction) {
    for (Instruction*& operand : instruction.mutable_operands()) operand = now_[operand->index()];
    update_control_predecessors(instruction);
    Instruction* value = &instruction;
    const size_t first = computation_.size();
    for (int i = 0; i < kMaxChain; ++i) {
      const size_t before = computation_.size();
      Instruction* next = apply(*value);
      if (next == nullptr) break;
      if (value != &instruction) superseded_.push_back(value->index());
      value = next;
      if (value->index() < before) break;
    }
    now_[instruction.index()] = value;
    added_[instruction.index()] = {first, computation_.size()};
    if (value == &instruction) return;
    changed_ = true;
    order_after_predecessors(instruction, added_[instruction.index()]);
  }

  Instruction* apply(Instruction& old) {
    if (is_annotated(old) && !is_annotation_movable(old)) return nullptr;
    const size_t before = computation_.size();
    Instruction* replacement = rule_(old);
    if (replacement == nullptr) return nullptr;
    GSHARD_CHECK(replacement->shape() == old.shape(), old.name());
    for (size_t i = before; i < computation_.size(); ++i) inherit_source(*computation_.at(i), old);
    return annotated(old, replacement, before);
  }

  // `replacement`, or a value made of it, that carries old's annotation.
  Instruction* annotated(const Instruction& old, Instruction* replacement, size_t before) {
    if (!is_annotated(old) || same_annotation(old.notes(), replacement->notes())) return replacement;
    const bool is_new = replacement->index() >= before;
    if (!is_new || is_annotated(*replacement)) return add_annotated(replacement, old);
    replacement->mutable_notes().sharding = old.notes().sharding;
    replacement->mutable_notes().frontend_attributes = old.notes().frontend_attributes;
    return replacement;
  }

  // Where a predecessor was replaced, what came in its place must run before, and so must its own predecessors.
  void update_control_predecessors(Instruction& instruction) {
    if (instruction.control_predecessors().empty()) return;
    const Instruction::Operands old = std::move(instruction.mutable_control_predecessors());
    Instruction::Operands& list = instruction.mutable_control_predecessors();
    list.clear();
    const auto add = [&](Instruction* before) {
      if (std::find(list.begin(), list.end(), before) == list.end()) list.push_back(before);
    };
    for (Instruction* predecessor : old) {
      add(now_[predecessor->index()]);
      if (now_[predecessor->index()] == predecessor) continue;
      for (Instruction* before : predecessor->control_predecessors()) add(before);
      for (Instruction* last : unused_in(added_[predecessor->index()])) add(last);
    }
  }

  std::vector<Instruction*> unused_in(Range range) const {
    std::vector<bool> used(range.last - range.first, false);
    for (size_t i = range.first; i < range.last; ++i) {
      for (const Instruction* operand : computation_.at(i)->operands()) {
        if (operand->index() >= range.first) used[operand->index() - range.first] = true;
      }
    }
    std::vector<Instruction*> unused;
    for (size_t i = range.first; i < range.last; ++i) {
      const bool is_superseded = std::binary_search(superseded_.begin(), superseded_.end(), i);
      if (!used[i - range.first] && !is_superseded) unused.push_back(computation_.at(i));
    }
    return unused;
  }

  // The first of the new instructions wait for what the old one waited for.
  void order_after_predecessors(const Instruction& old, Range range) {
    if (old.control_predecessors().empty()) return;
    for (size_t i = range.first; i < range.last; ++i) {
      Instruction* added = computation_.at(i);
      const auto& operands = added->operands();
      const bool waits = std::any_of(operands.begin(), operands.end(),
                                     [&](const Instruction* x) { return x->index() >= range.first; });
      if (!waits)
        added->mutable_control_predecessors().append(
            {old.control_predecessors().begin(), old.control_predecessors().end()});
    }
  }

  // What came in an instruction's place moves there. Operands still come before users: what a new instruction uses
  // stood before the one that it replaces.
  void finish() {
    if (computation_.root() != nullptr) computation_.set_root(now_[computation_.root()->index()]);
    std::vector<bool> replaced(computation_.size(), false);
    for (size_t i : superseded_) replaced[i] = true;
    for (size_t i = 0; i < count_; ++i) {
      replaced[i] = now_[i] != computation_.at(i) && computation_.at(i)->op() != Op::parameter;
    }
    std::vector<size_t> order;
    order.reserve(computation_.size());
    for (size_t i = 0; i < count_; ++i) {
      for (size_t added = added_[i].first; added < added_[i].last; ++added) order.push_back(added);
      order.push_back(i);
    }
    computation_.reorder(order);
    computation_.remove_if([&](const Instruction& x) { return replaced[order[x.index()]]; });
  }

  Computation& computation_;
  const Rule& rule_;
  const size_t count_;
  std::vector<Instruction*> now_;
  std::vector<Range> added_;
  std::vector<size_t> superseded_;  // new instructions that a rule has replaced again, ascending
  bool changed_ = false;
};

}  // namespace

bool rewrite(Computation& computation, const Rule& rule) { return Walk(computation, rule).run(); }

bool rewrite(Module& module, const Rule& rule) {
  bool changed = false;
  for (const auto& computation : module.computations()) changed |= rewrite(*computation, rule);
  if (changed) module.sort_and_prune_computations();
  return changed;
}

}  // namespace gshard
