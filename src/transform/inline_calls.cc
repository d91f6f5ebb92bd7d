#include "transform/inline_calls.h"

#include <algorithm>

#include "transform/annotation.h"
#include "transform/rewrite.h"

namespace gshard {
namespace {

bool has_attribute(const Instruction& instruction, std::string_view name, std::string_view value) {
  const auto& attributes = instruction.notes().frontend_attributes;
  return attributes != nullptr && std::any_of(attributes->begin(), attributes->end(), [&](const auto& pair) {
           return pair.first == name && pair.second == value;
         });
}

// The boundary of a manual computation is where global values become per-device ones.
bool is_manual_computation(const Computation& computation) {
  return computation.name().starts_with("xla.sdy.manual_computation_body");
}

bool runs_on_main_thread(const Instruction& instruction) {
  if (instruction.op() != Op::async_start) return true;
  const std::string& thread = instruction.attrs<AsyncAttrs>().async_execution_thread;
  return thread.empty() || thread == "main";
}

class Inliner {
 public:
  Inliner(Module& module, Fusions fusions)
      : module_(module), fusions_(fusions), room_(std::max<size_t>(size_t{1} << 20, 16 * module.instruction_count())) {}

  bool run() {
    bool changed = false;
    for (const auto& computation : module_.computations()) {
      for (const auto& instruction : computation->instructions()) release_annotation(*instruction);
      changed |= rewrite(*computation, [&](Instruction& x) { return replacement_of(x); });
    }
    if (changed) module_.sort_and_prune_computations();
    return changed;
  }

 private:
  bool is_inlinable(const Instruction& x) const {
    const bool calls = x.op() == Op::call || (x.op() == Op::fusion && fusions_ == Fusions::dissolve) ||
                       (x.op() == Op::async_start && runs_on_main_thread(x));
    return calls && x.callees().size() == 1 && !is_manual_computation(*x.callees()[0]) &&
           !has_attribute(x, "inlineable", "false") && (is_movable(x) || !is_annotated(x));
  }

  // What the call says about its result can be said about what the result becomes.
  static bool is_movable(const Instruction& call) {
    return is_annotation_movable(call) || (call.shape().is_tuple() && call.notes().frontend_attributes == nullptr);
  }

  // Attributes of a composite call describe the call, what was said to gradients has served, and the sharding of a
  // tuple is that of its elements: all are taken off the instruction, which can then be replaced.
  void release_annotation(Instruction& x) {
    drop_attributes(x, "gshard.gradient");
    if (x.op() == Op::call && x.attrs<CallAttrs>().is_composite) drop_attributes(x, "composite.");
    if (TupleShardings::can_take(x) && is_inlinable(x)) tuple_shardings_.take(x);
  }

  static void drop_attributes(Instruction& x, std::string_view prefix) {
    if (x.notes().frontend_attributes == nullptr) return;
    FrontendAttributes kept = *x.notes().frontend_attributes;
    if (std::erase_if(kept, [&](const auto& pair) { return pair.first.starts_with(prefix); }) == 0) return;
    x.mutable_notes().frontend_attributes =
        kept.empty() ? nullptr : std::make_shared<const FrontendAttributes>(std::move(kept));
  }

  Instruction* replacement_of(Instruction& x) {
    // What became of an async-start is ((operands), result, contexts...).
    const bool is_started = x.operand_count() == 1 && x.operand(0)->op() == Op::tuple;
    if (x.op() == Op::async_update && is_started) return x.operand(0);
    if (x.op() == Op::async_done && is_started) return x.operand(0)->operand(1);
    if (!is_inlinable(x) || !make_room(*x.callees()[0])) return nullptr;
    Instruction* result = inlined(x);
    if (x.op() == Op::async_start) return started(x, result);
    return result;
  }

  bool make_room(const Computation& callee) {
    if (callee.size() > room_) return false;
    room_ -= callee.size();
    return true;
  }

  Instruction* inlined(Instruction& call) {
    Computation& caller = *call.parent();
    const Computation& callee = *call.callees()[0];
    std::vector<Instruction*> arguments;
    for (size_t i = 0; i < call.operand_count(); ++i) {
      arguments.push_back(argument(call.operand(i), *callee.parameter(i)));
    }
    return tuple_shardings_.put_back(clone_body(callee, arguments, caller), call);
  }

  // The operand, with what the parameter says about it.
  Instruction* argument(Instruction* operand, const Instruction& parameter) {
    if (!is_annotated(parameter) || same_annotation(operand->notes(), parameter.notes())) return operand;
    if (is_annotation_movable(parameter)) return add_annotated(operand, parameter);
    return parameter.notes().sharding ? annotate(operand, *parameter.notes().sharding, parameter) : operand;
  }

  Instruction* started(const Instruction& start, Instruction* result) {
    Computation& computation = *start.parent();
    const Shape& shape = start.shape();
    std::vector<Instruction*> parts = {
        computation.add(Op::tuple, shape.element(0), {start.operands().data(), start.operands().size()}), result};
    for (size_t i = 2; i < shape.tuple_size(); ++i) {
      parts.push_back(computation.add(Op::constant, shape.element(i), {}, ConstantAttrs{Literal(shape.element(i))}));
    }
    return computation.add(Op::tuple, shape, parts);
  }

  Module& module_;
  const Fusions fusions_;
  size_t room_;  // instructions that may still be added
  TupleShardings tuple_shardings_;
};

}  // namespace

bool inline_calls(Module& module, Fusions fusions) { return Inliner(module, fusions).run(); }

}  // namespace gshard
