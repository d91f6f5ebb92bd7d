#include "transform/loop_slice.h"

#include <algorithm>
#include <compare>
#include <map>

#include "ops/table.h"
#include "transform/fold_constants.h"
#include "transform/simplify_algebra.h"

namespace gshard {
namespace {

constexpr int64_t kMaxElements = 64;  // of an array in a slice
// Bounds on the search, far beyond what counting takes: steps through tuples and calls, and visited instructions.
constexpr int64_t kMaxHops = 100'000;
constexpr int64_t kMaxVisits = 5'000;
constexpr int kMaxRounds = 8;  // of simplification

// One run of a computation: its parameters are the operands of `caller`, seen in `parent`. Without a caller it is the
// loop's condition or body, whose parameter is the state, or the computation that the loop stands in.
struct Frame {
  const Instruction* caller = nullptr;
  const Frame* parent = nullptr;
};

// What an instruction is in a frame, or the part `element` of its tuple.
struct Value {
  const Instruction* instruction;
  const Frame* frame;
  TupleIndex element;

  auto operator<=>(const Value&) const = default;
};

bool is_identity(const Instruction& x) {
  if (x.op() == Op::custom_call) return x.attrs<CustomCallAttrs>().custom_call_target == "Sharding";
  return x.op() == Op::copy || x.op() == Op::opt_barrier || x.op() == Op::domain;
}

bool is_little_work(const Instruction& x) {
  const Traits traits = row_of(x.op()).traits;
  const bool is_known = x.op() == Op::iota || x.op() == Op::bitcast_convert ||
                        (x.op() == Op::constant && !x.attrs<ConstantAttrs>().value.is_elided());
  return x.shape().is_array() && x.shape().element_count() <= kMaxElements && x.callees().empty() &&
         (is_known || has(traits, Traits::pointwise) || has(traits, Traits::data_movement));
}

class Slicer {
 public:
  explicit Slicer(const Instruction& loop) : loop_(loop), start_(empty_module("start")), step_(empty_module("step")) {}

  LoopSlice run() {
    std::vector<Instruction*> starts;
    std::vector<Instruction*> results = {build({loop_.callees()[0]->root(), &condition_, {}}, *step_->entry())};
    if (results[0] == nullptr) return {};
    // What the elements are after a step may depend on more elements.
    for (size_t i = 0; i < elements_.size(); ++i) {
      const TupleIndex element = elements_[i];
      results.push_back(build(after_step(element), *step_->entry()));
      starts.push_back(build(before_loop(element), *start_->entry()));
      if (results.back() == nullptr || starts.back() == nullptr) return {};
    }
    finish(*start_, starts);
    finish(*step_, results);
    return {std::move(start_), std::move(step_)};
  }

 private:
  Value after_step(const TupleIndex& element) const { return {loop_.callees()[1]->root(), &body_, element}; }
  Value before_loop(const TupleIndex& element) const { return {loop_.operand(0), &outside_, element}; }

  bool is_state(const Value& value) const {
    return value.instruction->op() == Op::parameter && (value.frame == &condition_ || value.frame == &body_);
  }

  // Where a value is made: an instruction that is no tuple, call or copy, or the loop's state.
  Value source_of(Value value) {
    while (step_back(value)) {
      if (++hops_ > kMaxHops) break;
    }
    if (is_state(value)) value = {loop_.callees()[1]->parameter(0), &body_, value.element};
    return value;
  }

  bool step_back(Value& value) {
    const Instruction& x = *value.instruction;
    if (x.op() == Op::get_tuple_element) {
      value.element.insert(value.element.begin(), x.attrs<TupleIndexAttrs>().index);
      value.instruction = x.operand(0);
    } else if (x.op() == Op::tuple && !value.element.empty()) {
      value.instruction = x.operand(static_cast<size_t>(value.element.front()));
      value.element.erase(value.element.begin());
    } else if (x.op() == Op::call || x.op() == Op::fusion) {
      value.frame = frame_of(x, *value.frame);
      value.instruction = x.callees()[0]->root();
    } else if (x.op() == Op::parameter && value.frame->caller != nullptr) {
      value.instruction = value.frame->caller->operand(static_cast<size_t>(x.attrs<ParameterAttrs>().number));
      value.frame = value.frame->parent;
    } else if (is_identity(x)) {
      value.instruction = x.operand(0);
    } else {
      return false;
    }
    return true;
  }

  const Frame* frame_of(const Instruction& call, const Frame& parent) {
    return &frames_.try_emplace({&call, &parent}, Frame{&call, &parent}).first->second;
  }

  // As source_of, and from elements of the state that the body hands on as they are to what they are before the loop.
  Value origin_of(const Value& value) {
    const Value source = source_of(value);
    if (!is_state(source) || source_of(after_step(source.element)) != source) return source;
    return source_of(before_loop(source.element));
  }

  // The value as an instruction of `into`; null where it takes too much to compute. Depth first without recursion.
  Instruction* build(const Value& wanted, Computation& into) {
    auto& built = built_[&into];
    const Value goal = origin_of(wanted);
    std::vector<Value> stack = {goal};
    while (!stack.empty()) {
      const Value value = stack.back();
      std::vector<Value> operands;
      if (!is_state(value)) {
        const bool is_too_much = ++visits_ > kMaxVisits || hops_ > kMaxHops;
        if (is_too_much || !value.element.empty() || !is_little_work(*value.instruction)) return nullptr;
        for (const Instruction* x : value.instruction->operands()) operands.push_back(origin_of({x, value.frame, {}}));
      }
      const size_t depth = stack.size();
      for (const Value& operand : operands) {
        if (!built.contains(operand)) stack.push_back(operand);
      }
      if (stack.size() > depth) continue;
      stack.pop_back();
      if (built.contains(value)) continue;
      Instruction* made =
          is_state(value) ? parameter_of(value.element, into) : copy_of(*value.instruction, operands, into);
      if (made == nullptr) return nullptr;
      built[value] = made;
    }
    return built.at(goal);
  }

  Instruction* copy_of(const Instruction& x, const std::vector<Value>& operands, Computation& into) {
    std::vector<Instruction*> made;
    for (const Value& operand : operands) made.push_back(built_[&into].at(operand));
    Instruction* copy = into.add(x.op(), x.shape(), made);
    copy->set_attributes(x.shared_attributes());
    return copy;
  }

  // Null where the element is no small array.
  Instruction* parameter_of(const TupleIndex& element, Computation& into) {
    const Shape* shape = &loop_.shape();
    for (int64_t i : element) shape = &shape->element(static_cast<size_t>(i));
    if (!shape->is_array() || shape->element_count() > kMaxElements) return nullptr;
    elements_.push_back(element);
    return into.add(Op::parameter, *shape, {}, ParameterAttrs{static_cast<int64_t>(elements_.size()) - 1});
  }

  static std::unique_ptr<Module> empty_module(const std::string& name) {
    auto module = std::make_unique<Module>(name);
    module->set_entry(module->add_computation(name));
    return module;
  }

  static void finish(Module& module, const std::vector<Instruction*>& results) {
    std::vector<Shape> shapes;
    for (const Instruction* result : results) shapes.push_back(result->shape());
    Computation& entry = *module.entry();
    entry.set_root(entry.add(Op::tuple, Shape::tuple(std::move(shapes)), results));
    for (int round = 0; round < kMaxRounds && (fold_constants(module) | simplify_algebra(module)); ++round) continue;
  }

  const Instruction& loop_;
  const Frame condition_, body_, outside_;
  std::map<std::pair<const Instruction*, const Frame*>, Frame> frames_;
  std::unique_ptr<Module> start_, step_;
  std::map<const Computation*, std::map<Value, Instruction*>> built_;
  std::vector<TupleIndex> elements_;  // of the state, by the number of the step's parameter
  int64_t hops_ = 0;
  int64_t visits_ = 0;
};

}  // namespace

LoopSlice slice_of_loop(const Instruction& loop) { return Slicer(loop).run(); }

}  // namespace gshard
