#include "text/async.h"

#include <string>
#include <unordered_map>

namespace gshard {
namespace {

bool has_async_start(const Module& module) {
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() == Op::async_start) return true;
    }
  }
  return false;
}

}  // namespace

bool can_be_wrapped(Op op) {
  switch (op) {
    case Op::parameter:
    case Op::constant:
    case Op::async_start:
    case Op::async_update:
    case Op::async_done:
      return false;
    default:
      return !op_from_keyword(std::string(keyword_of(op)) + "-start");
  }
}

const Instruction* sole_operation(const Computation& computation) {
  const Instruction* root = computation.root();
  if (root == nullptr || !can_be_wrapped(root->op())) return nullptr;
  const size_t count = root->operand_count();
  if (computation.size() != count + 1 || computation.parameters().size() != count) return nullptr;
  for (size_t i = 0; i < count; ++i) {
    if (root->operand(i) != computation.parameter(i)) return nullptr;
  }
  return root;
}

std::unordered_set<const Computation*> computations_in_place(const Module& module) {
  std::unordered_set<const Computation*> in_place;
  if (!has_async_start(module)) return in_place;
  std::unordered_map<const Computation*, size_t> calls;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      for (const Computation* callee : instruction->callees()) ++calls[callee];
      if (instruction->op() != Op::async_start || instruction->callees().size() != 1) continue;
      const Computation* callee = instruction->callees()[0];
      if (callee != module.entry() && sole_operation(*callee) != nullptr) in_place.insert(callee);
    }
  }
  std::erase_if(in_place, [&](const Computation* computation) { return calls[computation] != 1; });
  return in_place;
}

}  // namespace gshard
