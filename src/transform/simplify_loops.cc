#include "transform/simplify_loops.h"

#include <unordered_map>

#include "transform/annotation.h"
#include "transform/effects.h"
#include "transform/rewrite.h"
#include "transform/trip_count.h"

namespace gshard {
namespace {

bool is_element(const Instruction& x, const Instruction* tuple, size_t i) {
  return x.op() == Op::get_tuple_element && x.operand(0) == tuple &&
         x.attrs<TupleIndexAttrs>().index == static_cast<int64_t>(i);
}

// Whether the body hands on element i of the state as it got it, saying nothing more about it.
bool is_unchanged(const Instruction& loop, size_t i) {
  const Computation& body = *loop.callees()[1];
  const Instruction& root = *body.root();
  if (root.op() != Op::tuple || is_annotated(root) || is_annotated(*body.parameter(0))) return false;
  return is_element(*root.operand(i), body.parameter(0), i) && !is_annotated(*root.operand(i));
}

// ---- what leaves the loop as it came ------------------------------------------------------------------------------

Instruction* element_before(const Instruction& loop, size_t i) {
  Instruction* start = loop.operand(0);
  if (start->op() == Op::tuple && !is_annotated(*start)) return start->operand(i);
  return loop.parent()->add(Op::get_tuple_element, start->shape().element(i), {{start}},
                            TupleIndexAttrs{static_cast<int64_t>(i)});
}

Instruction* unchanged_result(Instruction& x) {
  if (x.op() != Op::get_tuple_element || x.operand(0)->op() != Op::while_) return nullptr;
  const Instruction& loop = *x.operand(0);
  const auto index = static_cast<size_t>(x.attrs<TupleIndexAttrs>().index);
  return !is_annotated(loop) && is_unchanged(loop, index) ? element_before(loop, index) : nullptr;
}

// ---- constants in the state ---------------------------------------------------------------------------------------

// By element of the state: the constant that it is all the time.
using Constants = std::unordered_map<int64_t, Literal>;

Constants constants_of(const Instruction& loop) {
  Constants constants;
  const Instruction& start = *loop.operand(0);
  if (start.op() != Op::tuple || is_annotated(start)) return constants;
  for (size_t i = 0; i < start.operand_count(); ++i) {
    const Instruction& x = *start.operand(i);
    const bool is_known =
        x.op() == Op::constant && x.shape().is_scalar() && !x.attrs<ConstantAttrs>().value.is_elided();
    if (is_known && is_unchanged(loop, i)) constants.emplace(i, x.attrs<ConstantAttrs>().value);
  }
  return constants;
}

bool put_constants(Computation& computation, const Constants& constants) {
  const Instruction* state = computation.parameter(0);
  return rewrite(computation, [&](Instruction& x) -> Instruction* {
    if (x.op() != Op::get_tuple_element || x.operand(0) != state) return nullptr;
    const auto constant = constants.find(x.attrs<TupleIndexAttrs>().index);
    if (constant == constants.end()) return nullptr;
    return computation.add(Op::constant, x.shape(), {}, ConstantAttrs{constant->second});
  });
}

std::unordered_map<const Computation*, int> count_callers(const Module& module) {
  std::unordered_map<const Computation*, int> callers;
  for (const auto& computation : module.computations()) {
    for (const auto& x : computation->instructions()) {
      for (const Computation* callee : x->callees()) ++callers[callee];
    }
  }
  return callers;
}

bool sink_constants(Module& module) {
  auto callers = count_callers(module);
  bool changed = false;
  for (const auto& computation : module.computations()) {
    for (const auto& x : computation->instructions()) {
      if (x->op() != Op::while_ || callers[x->callees()[0]] != 1 || callers[x->callees()[1]] != 1) continue;
      const Constants constants = constants_of(*x);
      if (constants.empty()) continue;
      changed |= put_constants(*x->callees()[0], constants);
      changed |= put_constants(*x->callees()[1], constants);
    }
  }
  return changed;
}

// ---- loops that are none ------------------------------------------------------------------------------------------

Instruction* without_loop(Instruction& x, const Effects& effects) {
  if (x.op() != Op::while_ || effects.has_effect(*x.callees()[0])) return nullptr;
  const auto count = trip_count(x, /*max_steps=*/1);
  if (count == 0) return x.operand(0);
  if (count != 1) return nullptr;
  Instruction* call = x.parent()->add(Op::call, x.shape(), {{x.operand(0)}}, CallAttrs{});
  call->mutable_callees() = {x.callees()[1]};
  return call;
}

}  // namespace

bool simplify_loops(Module& module) {
  const Effects effects(module);
  bool changed = rewrite(module, [&](Instruction& x) { return without_loop(x, effects); });
  changed |= rewrite(module, unchanged_result);
  changed |= sink_constants(module);
  return changed;
}

}  // namespace gshard
