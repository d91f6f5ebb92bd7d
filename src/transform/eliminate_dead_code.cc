#include "transform/eliminate_dead_code.h"

#include <algorithm>

#include "transform/annotation.h"
#include "transform/liveness.h"

namespace gshard {
namespace {

using Keep = std::vector<size_t>;  // the elements of a tuple that stay, ascending

class Eliminator {
 public:
  explicit Eliminator(Module& module) : module_(module), live_(module) {}

  bool run() {
    const size_t computations = module_.computations().size();
    for (const auto& computation : module_.computations()) {
      if (is_reached(*computation)) plan(*computation);
    }
    bool changed = !keep_.empty();
    for (const auto& computation : module_.computations()) {
      if (is_reached(*computation)) changed |= sweep(*computation);
    }
    module_.sort_and_prune_computations();
    return changed || module_.computations().size() != computations;
  }

 private:
  // Callers make the root live; what has no live caller is pruned with its callers.
  bool is_reached(const Computation& computation) const { return live_.is_live(*computation.root()); }

  void plan(const Computation& computation) {
    for (const auto& x : computation.instructions()) {
      if (live_.is_live(*x) && x->shape().is_tuple() && live_.is_divisible(*x)) plan(*x);
    }
  }

  void plan(const Instruction& x) {
    // A loop's state is one thing for all who see it; the loop itself plans for its parameters.
    if (x.op() == Op::parameter && caller_of(*x.parent())->op() == Op::while_) return;
    Keep keep;
    for (size_t i = 0; i < x.shape().tuple_size(); ++i) {
      if (live_.is_live(x, i)) keep.push_back(i);
    }
    if (keep.size() == x.shape().tuple_size()) return;
    if (x.op() == Op::while_) {
      for (const Computation* callee : x.callees()) keep_[callee->parameter(0)] = keep;
    }
    keep_[&x] = std::move(keep);
  }

  // Null for the entry, and where there are several: no tuple is divided there.
  const Instruction* caller_of(const Computation& computation) const {
    const auto& sites = live_.call_sites(computation);
    return sites.size() == 1 ? sites[0].caller : nullptr;
  }

  const Keep* keep_of(const Instruction* x) const {
    const auto found = keep_.find(x);
    return found == keep_.end() ? nullptr : &found->second;
  }

  bool sweep(Computation& computation) {
    const size_t count = computation.size();
    if (!keep_.empty()) narrow(computation);
    const bool added = computation.size() != count;
    const size_t before = computation.size();
    computation.remove_if(
        [&](const Instruction& x) { return x.index() < count && x.op() != Op::parameter && !live_.is_live(x); });
    if (added) computation.sort_topologically();
    return computation.size() != before;
  }

  void narrow(Computation& computation) {
    const size_t count = computation.size();
    for (size_t i = 0; i < count; ++i) {
      Instruction& x = *computation.at(i);
      if (live_.is_live(x)) narrow(x);
    }
    const Instruction* caller = caller_of(computation);
    if (caller == nullptr || !is_result_of(computation, *caller)) return;
    if (const Keep* keep = keep_of(caller)) computation.set_root(project(computation.root(), *keep));
  }

  static bool is_result_of(const Computation& computation, const Instruction& caller) {
    return caller.op() != Op::while_ || caller.callees()[1] == &computation;
  }

  void narrow(Instruction& x) {
    narrow_operands(x);
    const Keep* keep = keep_of(&x);
    if (keep == nullptr) return;
    x.mutable_notes().sharding = narrowed_sharding(x.shape(), x.notes().sharding, *keep);
    x.mutable_shape() = narrowed_shape(x.shape(), *keep);
  }

  void narrow_operands(Instruction& x) {
    const Keep* keep = keep_of(&x);
    switch (x.op()) {
      case Op::get_tuple_element:
        return renumber_element(x);
      case Op::tuple:
        if (keep != nullptr) keep_operands(x, *keep);
        return;
      case Op::opt_barrier:
      case Op::while_:
        if (keep != nullptr) x.mutable_operands()[0] = project(x.operand(0), *keep);
        return;
      case Op::conditional:
        for (size_t i = 0; i < x.callees().size(); ++i) narrow_argument(x, i + 1, x.callees()[i]->parameter(0));
        return;
      case Op::call:
      case Op::fusion:
        for (size_t i = 0; i < x.operand_count(); ++i) narrow_argument(x, i, x.callees()[0]->parameter(i));
        return;
      default:
        return;
    }
  }

  void renumber_element(Instruction& get) {
    const Keep* keep = keep_of(get.operand(0));
    if (keep == nullptr) return;
    const auto index = static_cast<size_t>(get.attrs<TupleIndexAttrs>().index);
    get.set_attributes(TupleIndexAttrs{static_cast<int64_t>(position(*keep, index))});
  }

  static void keep_operands(Instruction& tuple, const Keep& keep) {
    Instruction::Operands operands;
    for (size_t i : keep) operands.push_back(tuple.operand(i));
    tuple.mutable_operands() = std::move(operands);
  }

  void narrow_argument(Instruction& caller, size_t i, const Instruction* parameter) {
    const Keep* keep = keep_of(parameter);
    if (keep != nullptr) caller.mutable_operands()[i] = project(caller.operand(i), *keep);
  }

  static size_t position(const Keep& keep, size_t element) {
    return static_cast<size_t>(std::lower_bound(keep.begin(), keep.end(), element) - keep.begin());
  }

  // A tuple of these elements of `value`, which may have been narrowed itself to more than these.
  Instruction* project(Instruction* value, const Keep& wanted) {
    const Keep* have = keep_of(value);
    if (have != nullptr && *have == wanted) return value;
    Computation& computation = *value->parent();
    std::vector<Instruction*> elements;
    std::vector<Shape> shapes;
    for (size_t element : wanted) {
      const size_t at = have != nullptr ? position(*have, element) : element;
      Instruction* part = value->op() == Op::tuple
                              ? value->operand(at)
                              : computation.add(Op::get_tuple_element, value->shape().element(at), {{value}},
                                                TupleIndexAttrs{static_cast<int64_t>(at)});
      elements.push_back(part);
      shapes.push_back(part->shape());
    }
    Instruction* tuple = computation.add(Op::tuple, Shape::tuple(std::move(shapes)), elements);
    inherit_source(*tuple, *value);
    return tuple;
  }

  Module& module_;
  const Liveness live_;
  std::unordered_map<const Instruction*, Keep> keep_;
};

}  // namespace

bool eliminate_dead_code(Module& module) { return Eliminator(module).run(); }

}  // namespace gshard
