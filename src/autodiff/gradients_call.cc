// Gradients of calls: through a copy of the callee's body, in place of the call or, for a checkpoint, for the backward
// pass alone.
#include <vector>

#include "autodiff/annotation.h"
#include "autodiff/gradients.h"
#include "autodiff/leaves.h"
#include "autodiff/repeat.h"
#include "autodiff/table.h"
#include "ops/build.h"
#include "ops/table.h"

namespace gshard {
namespace {

// A copy of the callee's body at the end of the computation, with its own places in the model, and what is noted on
// its parameters and on the call.
Value copied_body(Pullback& p, const std::vector<Value>& arguments) {
  const Computation& callee = *p.instruction().callees()[0];
  Computation& into = p.walk().computation();
  const size_t first = into.size();
  std::vector<Instruction*> annotated;
  for (size_t i = 0; i < arguments.size(); ++i) {
    annotated.push_back(annotated_as(arguments[i], *callee.parameter(i)).instruction());
  }
  const Value result = annotated_as(clone_body(callee, annotated, into), p.instruction());
  p.walk().keep_places(first);
  return result;
}

// The arguments and cotangents behind one barrier.
struct Barrier {
  std::vector<Value> arguments;
  std::vector<Value> cotangents;  // of nothing where they were

  Barrier(const std::vector<Value>& operands, const std::vector<Value>& given) {
    std::vector<Value> waiting = operands;
    std::copy_if(given.begin(), given.end(), std::back_inserter(waiting),
                 [](const Value& x) { return x.instruction() != nullptr; });
    arguments = unpack(opt_barrier(tuple(waiting)));
    size_t next = operands.size();
    for (const Value& x : given) cotangents.push_back(x.instruction() == nullptr ? x : arguments[next++]);
    arguments.resize(operands.size());
  }
};

void recompute(Pullback& p) {
  check_repeatable(p, *p.instruction().callees()[0]);
  Walk& walk = p.walk();
  const Barrier barrier(p.operands_from(0), p.cotangents());
  for (size_t i = 0; i < p.operand_count(); ++i) {
    const LeafSet active = walk.active_leaves(*p.operand(i).instruction());
    for (size_t leaf = 0; leaf < active.size(); ++leaf) {
      if (active[leaf]) walk.ask(*barrier.arguments[i].instruction(), leaf);
    }
  }
  const size_t first = walk.computation().size();
  const Value result = copied_body(p, barrier.arguments);
  walk.run_through(first, result, barrier.cotangents);
  for (size_t i = 0; i < p.operand_count(); ++i) {
    for (size_t leaf = 0; leaf < leaf_count(p.operand(i).shape()); ++leaf) {
      if (p.wants(i, leaf)) p.give_leaf(i, leaf, walk.cotangent(*barrier.arguments[i].instruction(), leaf));
    }
  }
}

// The body of a map, written for arrays.
Value mapped_body(Pullback& p) {
  const Computation& body = *p.instruction().callees()[0];
  const Dims& dims = p.result().dims();
  std::vector<Value> copies;
  for (const auto& x : body.instructions()) {
    if (x->op() == Op::parameter) {
      copies.push_back(p.operand(static_cast<size_t>(x->attrs<ParameterAttrs>().number)));
    } else if (x->op() == Op::constant) {
      const Value number = constant(p.walk().computation(), x->attrs<ConstantAttrs>().value);
      copies.push_back(broadcast(number, dims, {}));
    } else {
      if (!has(row_of(x->op()).traits, Traits::pointwise)) p.refuse("%" + x->name() + " in it is not pointwise");
      std::vector<Value> operands;
      for (const Instruction* operand : x->operands()) operands.push_back(copies[operand->index()]);
      copies.push_back(append({x->op(), x->attributes(), {}, x->shape().with_dims(dims)}, operands));
    }
  }
  return copies[body.root()->index()];
}

}  // namespace

void gradient_map(Pullback& p) {
  const size_t first = p.walk().computation().size();
  const Value result = mapped_body(p);
  p.walk().run_through(first, result, p.cotangents());
}

void gradient_call(Pullback& p) {
  if (is_recomputed(p.instruction())) return recompute(p);
  const size_t first = p.walk().computation().size();
  const Value result = copied_body(p, p.operands_from(0));
  p.walk().adopt(first, p.instruction());
  p.walk().replace(p.instruction(), result);
  p.walk().run_through(first, result, p.cotangents());
}

}  // namespace gshard
