#include "autodiff/activity.h"

#include "autodiff/leaves.h"
#include "autodiff/table.h"

namespace gshard {
namespace {

// `a` gets what `b` has; whether that was more.
bool join(LeafSet& a, const LeafSet& b) {
  bool grew = false;
  if (a.size() < b.size()) a.resize(b.size());
  for (size_t i = 0; i < b.size(); ++i) {
    grew |= b[i] && !a[i];
    a[i] = a[i] || b[i];
  }
  return grew;
}

bool any_of(const LeafSet& leaves) {
  for (const bool leaf : leaves) {
    if (leaf) return true;
  }
  return false;
}

}  // namespace

void Activity::mark(const Instruction& x, size_t leaf) {
  if (!is_differentiable(leaf_shape(x.shape(), leaf))) return;
  if (active_.size() <= x.index()) active_.resize(x.index() + 1);
  LeafSet& leaves = active_[x.index()];
  leaves.resize(leaf_count(x.shape()));
  leaves[leaf] = true;
}

const LeafSet& Activity::of(const Instruction& x) const {
  static const auto* const kNone = new LeafSet;
  return x.index() < active_.size() ? active_[x.index()] : *kNone;
}

bool Activity::of(const Instruction& x, size_t leaf) const {
  const LeafSet& leaves = of(x);
  return leaf < leaves.size() && leaves[leaf];
}

void Activity::follow(size_t first, size_t last) {
  for (size_t i = first; i < last; ++i) {
    const Instruction& x = *computation_.at(i);
    const LeafSet result = result_of(x);
    for (size_t leaf = 0; leaf < result.size(); ++leaf) {
      if (result[leaf]) mark(x, leaf);
    }
  }
}

LeafSet Activity::result_of(const Instruction& x) const {
  if (is_stopped(x) || is_flat(x.op())) return {};
  switch (x.op()) {
    case Op::tuple:
      return of_operands_in_order(x);
    case Op::get_tuple_element:
      return of_element(x);
    case Op::copy:
    case Op::domain:
    case Op::opt_barrier:
    case Op::add_dependency:
      return of(*x.operand(0));
    case Op::while_:
      return any_of(of(*x.operand(0))) ? active_state(x, of(*x.operand(0))) : LeafSet();
    case Op::call:
    case Op::fusion:
    case Op::conditional:
      return of_branches(x);
    default:
      return of_any_operand(x);
  }
}

LeafSet Activity::of_any_operand(const Instruction& x) const {
  for (const Instruction* operand : x.operands()) {
    if (any_of(of(*operand))) return LeafSet(leaf_count(x.shape()), true);
  }
  return {};
}

LeafSet Activity::of_operands_in_order(const Instruction& x) const {
  LeafSet all;
  for (const Instruction* operand : x.operands()) {
    LeafSet leaves = of(*operand);
    leaves.resize(leaf_count(operand->shape()));
    all.insert(all.end(), leaves.begin(), leaves.end());
  }
  return all;
}

LeafSet Activity::of_element(const Instruction& x) const {
  LeafSet all = of(*x.operand(0));
  if (all.empty()) return {};
  const size_t first = first_leaf(x.operand(0)->shape(), static_cast<size_t>(x.attrs<TupleIndexAttrs>().index));
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(leaf_count(x.shape()))};
}

// Of a call, too, which is a conditional of one branch without a selector.
LeafSet Activity::of_branches(const Instruction& x) const {
  const size_t first = x.op() == Op::conditional ? 1 : 0;
  std::vector<LeafSet> arguments;
  bool is_any = false;
  for (size_t i = first; i < x.operand_count(); ++i) {
    arguments.push_back(of(*x.operand(i)));
    is_any |= any_of(arguments.back());
  }
  if (!is_any) return {};
  if (first == 0) return active_result(*x.callees()[0], arguments);
  LeafSet result;
  for (size_t branch = 0; branch < x.callees().size(); ++branch) {
    join(result, active_result(*x.callees()[branch], {arguments[branch]}));
  }
  return result;
}

LeafSet active_result(const Computation& computation, const std::vector<LeafSet>& parameters) {
  Activity activity(computation);
  for (size_t n = 0; n < parameters.size(); ++n) {
    for (size_t leaf = 0; leaf < parameters[n].size(); ++leaf) {
      if (parameters[n][leaf]) activity.mark(*computation.parameter(n), leaf);
    }
  }
  activity.follow(0, computation.size());
  return activity.of(*computation.root());
}

LeafSet active_state(const Instruction& loop, LeafSet initial) {
  while (join(initial, active_result(*loop.callees()[1], {initial}))) {
  }
  return initial;
}

}  // namespace gshard
