// The gradient of a scan is that of the loop over its steps.
#include <limits>

#include "autodiff/annotation.h"
#include "autodiff/gradients.h"
#include "autodiff/stack.h"
#include "ops/build.h"

namespace gshard {
namespace {

// while (i, inputs, carries, outputs) : i < steps { i + 1, inputs, (outputs[i], carries) = body(inputs[i], carries) }
class ScanLoop {
 public:
  explicit ScanLoop(const Pullback& p)
      : scan_(p.instruction()),
        operands_(p.operands_from(0)),
        attrs_(p.attrs<ScanAttrs>()),
        dim_(static_cast<size_t>(attrs_.dimensions[0])),
        results_(scan_.shape().is_tuple() ? scan_.shape().elements() : std::vector<Shape>{scan_.shape()}),
        carries_(static_cast<size_t>(attrs_.num_carries)),
        inputs_(operands_.size() - carries_),
        outputs_(results_.size() - carries_),
        steps_((inputs_ > 0 ? operands_[0].shape() : results_[0]).dim(dim_)) {}

  int64_t steps() const { return steps_; }
  size_t inputs() const { return inputs_; }
  size_t outputs() const { return outputs_; }

  // What the scan makes, made by a loop.
  Value made() const {
    Computation& in = operands_[0].computation();
    const DType counter = steps_ <= std::numeric_limits<int32_t>::max() ? DType::s32 : DType::s64;
    std::vector<Value> state{constant(in, counter, 0)};
    state.insert(state.end(), operands_.begin(), operands_.end());
    for (size_t j = 0; j < outputs_; ++j) state.push_back(full(in, results_[j].without_layout(), 0));
    const auto goes_on = [&](Computation&, Values s) {
      return compare(get_tuple_element(s[0], 0), static_cast<double>(steps_), Direction::LT);
    };
    const Value end = while_(tuple(state), goes_on, [&](Computation&, Values s) { return round(unpack(s[0])); });
    return result_of(unpack(end));
  }

 private:
  Value round(const std::vector<Value>& state) const {
    const Value i = attrs_.is_reverse ? subtract(static_cast<double>(steps_ - 1), state[0]) : state[0];
    std::vector<Value> arguments;
    for (size_t k = 0; k < operands_.size(); ++k) {
      arguments.push_back(k < inputs_ ? read_at(state[1 + k], dim_, i) : state[1 + k]);
    }
    const Value made = call(*scan_.callees()[0], arguments);
    const std::vector<Value> parts = made.shape().is_tuple() ? unpack(made) : std::vector<Value>{made};
    std::vector<Value> next = state;
    next[0] = add(state[0], 1);
    for (size_t k = 0; k < carries_; ++k) next[1 + inputs_ + k] = parts[outputs_ + k];
    for (size_t j = 0; j < outputs_; ++j) {
      Value& stack = next[1 + operands_.size() + j];
      stack = written_at(stack, dim_, i, parts[j]);
    }
    return tuple(next);
  }

  // Outputs, then carries.
  Value result_of(const std::vector<Value>& state) const {
    std::vector<Value> parts(state.begin() + 1 + static_cast<std::ptrdiff_t>(operands_.size()), state.end());
    for (size_t k = 0; k < carries_; ++k) parts.push_back(state[1 + inputs_ + k]);
    return scan_.shape().is_tuple() ? tuple(parts) : parts[0];
  }

  const Instruction& scan_;
  const std::vector<Value> operands_;
  const ScanAttrs& attrs_;
  const size_t dim_;
  const std::vector<Shape> results_;
  const size_t carries_;
  const size_t inputs_;
  const size_t outputs_;
  const int64_t steps_;
};

}  // namespace

void gradient_scan(Pullback& p) {
  const ScanLoop loop(p);
  if (loop.steps() == 0) {
    for (size_t k = loop.inputs(); k < p.operand_count(); ++k) {
      p.give(k, p.cotangent(loop.outputs() + k - loop.inputs()));
    }
    return;
  }
  Walk& walk = p.walk();
  const size_t first = walk.computation().size();
  const Value result = annotated_as(loop.made(), p.instruction());
  set_metadata(walk.computation(), first, walk.computation().size(), p.instruction().notes().metadata);
  walk.adopt(first, p.instruction());
  walk.replace(p.instruction(), result);
  walk.run_through(first, result, p.cotangents());
}

}  // namespace gshard
