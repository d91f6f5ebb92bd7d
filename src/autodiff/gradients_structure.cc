// Gradients of ops that only hand values on: tuples, barriers, annotations.
#include <array>

#include "autodiff/annotation.h"
#include "autodiff/gradients.h"
#include "autodiff/leaves.h"
#include "autodiff/table.h"
#include "ops/build.h"
#include "ops/custom_call.h"

namespace gshard {

void gradient_identity(Pullback& p) {
  for (size_t leaf = 0; leaf < p.cotangents().size(); ++leaf) p.give_leaf(0, leaf, p.cotangent(leaf));
}

void gradient_tuple(Pullback& p) {
  size_t next = 0;
  for (size_t i = 0; i < p.operand_count(); ++i) {
    const size_t count = leaf_count(p.operand(i).shape());
    for (size_t leaf = 0; leaf < count; ++leaf) p.give_leaf(i, leaf, p.cotangent(next++));
  }
}

void gradient_get_tuple_element(Pullback& p) {
  const auto index = static_cast<size_t>(p.attrs<TupleIndexAttrs>().index);
  const size_t first = first_leaf(p.operand(0).shape(), index);
  for (size_t leaf = 0; leaf < p.cotangents().size(); ++leaf) p.give_leaf(0, first + leaf, p.cotangent(leaf));
}

// The cotangents wait for each other as the values did.
void gradient_opt_barrier(Pullback& p) {
  std::vector<Value> waiting;
  std::vector<size_t> leaves;
  for (size_t leaf = 0; leaf < p.cotangents().size(); ++leaf) {
    if (p.cotangent(leaf).instruction() == nullptr || !p.wants(0, leaf)) continue;
    waiting.push_back(p.cotangent(leaf));
    leaves.push_back(leaf);
  }
  if (waiting.empty()) return;
  const Value together = opt_barrier(tuple(waiting));
  for (size_t i = 0; i < leaves.size(); ++i) {
    p.give_leaf(0, leaves[i], get_tuple_element(together, static_cast<int64_t>(i)));
  }
}

void gradient_custom_call(Pullback& p) {
  const Instruction& call = p.instruction();
  const std::string& target = p.attrs<CustomCallAttrs>().custom_call_target;
  switch (known_call_of(call)) {
    case KnownCall::identity:
      if (call.shape() != call.operand(0)->shape()) p.refuse("manual regions of Shardy have none");
      if (call.shape().is_array() && target == "Sharding") {
        return p.give(0, [&] { return annotated_by(p.cotangent(), call); });
      }
      return gradient_identity(p);
    case KnownCall::pointwise:
      return differentiate(pointwise_op_of(call), p);
    case KnownCall::topk:
      return gradient_topk(p);
    case KnownCall::edge:
      return gradient_manual_edge(p);
    case KnownCall::none:
      break;
  }
  p.refuse("what the target \"" + target + "\" computes is not known");
}

}  // namespace gshard
