#include "backend/cpu/replace.h"

#include <unordered_map>

#include "ops/table.h"

namespace gshard::cpu {

void replace(Computation& computation, const std::function<Instruction*(Instruction&)>& rule) {
  std::unordered_map<const Instruction*, Instruction*> replaced;
  const size_t count = computation.size();
  for (size_t i = 0; i < count; ++i) {
    Instruction& x = *computation.at(i);
    const size_t first = computation.size();
    Instruction* replacement = rule(x);
    if (replacement == nullptr) {
      if (computation.size() > first) computation.remove_if([&](const Instruction& y) { return y.index() >= first; });
      continue;
    }
    replaced.emplace(&x, replacement);
    for (Instruction* before : x.control_predecessors()) replacement->mutable_control_predecessors().push_back(before);
    for (size_t n = first; n < computation.size(); ++n) {
      computation.at(n)->mutable_notes().metadata = x.notes().metadata;
      computation.at(n)->set_text_position(x.text_line(), x.text_column());
    }
  }
  if (replaced.empty()) return;
  const auto renew = [&](Instruction*& x) {
    if (const auto found = replaced.find(x); found != replaced.end()) x = found->second;
  };
  for (const auto& x : computation.instructions()) {
    for (Instruction*& operand : x->mutable_operands()) renew(operand);
    for (Instruction*& before : x->mutable_control_predecessors()) renew(before);
  }
  Instruction* root = computation.root();
  renew(root);
  computation.set_root(root);
  computation.remove_if([&](const Instruction& x) { return replaced.contains(&x); });
  computation.sort_topologically();
  remove_unread(computation);
}

namespace {

// Whether nothing happens where an op is left out whose result nobody reads.
bool only_computes(Op op) {
  switch (op) {
    case Op::dot:
    case Op::gather:
    case Op::iota:
    case Op::reduce:
    case Op::broadcast:
    case Op::copy:
    case Op::get_tuple_element:
    case Op::reshape:
    case Op::reverse:
    case Op::transpose:
    case Op::tuple:
      return true;
    default:
      return has(row_of(op).traits, Traits::pointwise) && !has(row_of(op).traits, Traits::side_effect);
  }
}

}  // namespace

void remove_unread(Computation& computation) {
  std::vector<int> uses(computation.size());
  for (const auto& x : computation.instructions()) {
    for (const Instruction* operand : x->operands()) ++uses[operand->index()];
    for (const Instruction* before : x->control_predecessors()) ++uses[before->index()];
  }
  std::vector<char> dead(computation.size());
  for (size_t i = computation.size(); i-- > 0;) {
    const Instruction& x = *computation.at(i);
    if (!only_computes(x.op()) || uses[i] > 0 || &x == computation.root()) continue;
    dead[i] = 1;
    for (const Instruction* operand : x.operands()) --uses[operand->index()];
    for (const Instruction* before : x.control_predecessors()) --uses[before->index()];
  }
  computation.remove_if([&](const Instruction& x) { return dead[x.index()] != 0; });
}

}  // namespace gshard::cpu
