#include "runtime/replay.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <thread>
#include <unordered_map>

#include "eval/simulate.h"
#include "ir/literal_leaves.h"
#include "runtime/device_values.h"
#include "runtime/instruction_names.h"
#include "runtime/relay.h"
#include "runtime/whole.h"
#include "transform/widen_floats.h"

namespace gshard {
namespace {

// What is left of a cancellation is rounding up to this share of what was cancelled.
constexpr double kCancelled = 1e-12;
constexpr size_t kMostTies = 4;

// Ends the whole program's evaluation when there is nothing more to learn.
struct Enough {};

// ---- leaves ---------------------------------------------------------------------------------------------------------

Literal leaf_of(const Literal& value, size_t leaf) {
  std::vector<Literal> leaves;
  add_leaves(value, leaves);
  return leaves[leaf];
}

// The value with its leaf number `leaf` (which counts down on the way) replaced.
Literal with_leaf(const Literal& value, size_t& leaf, const Literal& replacement) {
  if (!value.shape().is_tuple()) return leaf-- == 0 ? replacement : value;
  std::vector<Literal> elements;
  for (const Literal& element : value.elements()) elements.push_back(with_leaf(element, leaf, replacement));
  return Literal::tuple(std::move(elements));
}

void add_shapes(const Shape& shape, std::vector<const Shape*>& leaves) {
  if (!shape.is_tuple()) leaves.push_back(&shape);
  for (const Shape& element : shape.elements()) add_shapes(element, leaves);
}

// ---- single ops -----------------------------------------------------------------------------------------------------

Literal evaluate_once(Op op, const Shape& shape, const Attributes& attributes, const Instruction::Callees& callees,
                      std::span<const Literal> operands) {
  Module module("once");
  Computation* computation = module.add_computation("once");
  std::vector<Instruction*> parameters;
  for (size_t n = 0; n < operands.size(); ++n) {
    const ParameterAttrs number{static_cast<int64_t>(n)};
    parameters.push_back(computation->add(Op::parameter, operands[n].shape(), {}, number));
  }
  Instruction* copy = computation->add(op, shape, parameters, attributes);
  copy->mutable_callees() = callees;
  computation->set_root(copy);
  return evaluate(*computation, operands);
}

// Whether a computation only adds up what it is given, value by value.
bool is_sum(const Computation& computation) {
  const auto& all = computation.instructions();
  return std::all_of(all.begin(), all.end(), [](const auto& i) {
    return i->op() == Op::parameter || i->op() == Op::add || i->op() == Op::convert || i->op() == Op::tuple;
  });
}

// Whether each element of an op's results is a sum, in whatever order, of terms that are elements of its operands or
// products of them. Only of those do the absolute values of the operands give a bound for the rounding.
bool is_sum(const Instruction& i) {
  switch (i.op()) {
    case Op::add:
    case Op::subtract:
    case Op::dot:
    case Op::ragged_dot:
    case Op::convolution:
      return true;
    case Op::reduce:
    case Op::reduce_window:
    case Op::scan:
    case Op::scatter:
      return is_sum(*i.callees()[0]);
    default:
      return false;
  }
}

// Whether two results of a sum differ by no more than rounding makes of the magnitudes of its terms.
bool is_left_of_cancelling(const Instruction& i, std::vector<Literal> operands, size_t leaf, const Literal& expected,
                           const Literal& got) {
  if (expected.shape().type() != DType::f64 || !is_sum(i)) return false;
  for (Literal& operand : operands) {
    if (operand.shape().type() != DType::f64) continue;
    for (double& x : operand.mutable_values<double>()) x = std::abs(x);
  }
  const Op op = i.op() == Op::subtract ? Op::add : i.op();
  const Literal sizes = leaf_of(evaluate_once(op, i.shape(), i.attributes(), i.callees(), operands), leaf);
  const auto size = sizes.values<double>();
  const auto a = expected.values<double>();
  const auto b = got.values<double>();
  for (size_t e = 0; e < a.size(); ++e) {
    if (a[e] == b[e] || (std::isnan(a[e]) && std::isnan(b[e]))) continue;
    if (!std::isfinite(size[e]) || !(std::abs(a[e] - b[e]) <= kCancelled * size[e])) return false;
  }
  return true;
}

// ---- the replay -----------------------------------------------------------------------------------------------------

// A value that both programs have, in one of the forms in which its computation was partitioned.
struct Slot {
  const Instruction* prepared;
  size_t leaf;
  Shape shape;  // whole, in f64
  Sharding sharding;
  size_t value;  // number of the value, whatever its form
};

using Numbers = std::unordered_map<const Instruction*, std::vector<size_t>>;

class Replayer {
 public:
  Replayer(const Module& prepared, const Partitioned& program, std::span<const Literal> arguments, double tolerance,
           const EvaluateOptions& options)
      : whole_(widen_floats(prepared)),
        local_(widened(program)),
        arguments_(arguments.begin(), arguments.end()),
        scattered_(scatter_arguments(local_, arguments_)),
        tolerance_(tolerance),
        options_(options) {
    find_slots(program.trace);
    for (const auto& computation : whole_->computations()) {
      for (const auto& i : computation->instructions()) {
        for (const Instruction* operand : i->operands()) last_use_[operand] = i.get();
      }
    }
  }

  Replay run() && {
    replay_.result =
        run_beside_devices([&](const Instruction& i, size_t slot, int64_t run, Literal& value,
                               const std::vector<Literal>& shards) { follow(i, slot, run, value, shards); });
    if (replay_.fault) {
      replay_.result = Literal();
      return std::move(replay_);
    }
    run_beside_devices([&](const Instruction&, size_t slot, int64_t run, const Literal& value,
                           const std::vector<Literal>& shards) { look_for_tie(slot, run, value, shards); });
    return std::move(replay_);
  }

 private:
  void find_slots(const std::vector<TracedValue>& trace) {
    const InstructionNames whole(*whole_);
    const InstructionNames local(*local_.module);
    std::map<std::pair<const Instruction*, size_t>, std::vector<const TracedValue*>> forms;
    for (const TracedValue& traced : trace) forms[{traced.value, traced.leaf}].push_back(&traced);
    for (const TracedValue& traced : trace) {
      const auto& all = forms.at({traced.value, traced.leaf});
      if (all[0] != &traced) continue;
      const Instruction* whole_value = whole.find(traced.value->parent()->name(), traced.value->name());
      // Executions are counted over all forms, so all of them must be there.
      const bool complete = std::all_of(all.begin(), all.end(), [&](const TracedValue* form) {
        const Instruction* value = local.find(form->computation, form->name);
        return value != nullptr && value->shape().is_array() && form->sharding.manual == 0;
      });
      if (whole_value == nullptr || !complete) continue;
      std::vector<const Shape*> leaves;
      add_shapes(whole_value->shape(), leaves);
      if (!leaves[traced.leaf]->is_array()) continue;
      by_whole_[whole_value].push_back(value_count_);
      for (const TracedValue* form : all) {
        by_local_[local.find(form->computation, form->name)].push_back(slots_.size());
        slots_.push_back({traced.value, traced.leaf, *leaves[traced.leaf], form->sharding, value_count_});
      }
      ++value_count_;
    }
  }

  // Runs the devices, and the whole program beside them. visit(instruction, slot, run, value, shards) is called for
  // each value that all devices have. Returns the whole program's result, empty where it was stopped.
  template <class Visit>
  Literal run_beside_devices(Visit visit) {
    const auto devices = static_cast<size_t>(local_.mesh.device_count());
    Relay relay(devices);
    std::atomic<bool> stop = false;
    const std::jthread simulation([&] { run_devices(relay, devices, stop); });
    std::vector<int64_t> runs(value_count_, 0);
    EvaluateOptions options = options_;
    options.observe = [&](const Instruction& i, Literal& value) {
      if (const auto numbers = by_whole_.find(&i); numbers != by_whole_.end()) {
        for (const size_t number : numbers->second) {
          const int64_t run = runs[number]++;
          const std::vector<Given> given = relay.take({number, run});
          const auto shards = shards_of(given);
          if (shards) visit(i, given[0].form, run, value, *shards);
        }
      }
      keep(i, value);
    };
    Literal result;
    try {
      result = evaluate(*whole_, arguments_, options);
    } catch (const Enough&) {
    } catch (...) {
      stop = true;
      relay.close();
      throw;
    }
    stop = true;
    relay.close();
    latest_.clear();
    return result;
  }

  void run_devices(Relay& relay, size_t devices, const std::atomic<bool>& stop) {
    std::vector<std::vector<int64_t>> runs(devices, std::vector<int64_t>(value_count_, 0));
    const auto observe = [&](int64_t number, const Instruction& i, const Literal& value) {
      const auto device = static_cast<size_t>(number);
      const auto slots = by_local_.find(&i);
      if (device >= devices || slots == by_local_.end()) return;  // of another replica, or of no interest
      for (const size_t slot : slots->second) {
        const size_t of_value = slots_[slot].value;
        relay.give(device, {of_value, runs[device][of_value]++}, {slot, value});
      }
    };
    EvaluateOptions options = options_;
    options.stop = &stop;
    try {
      simulate(*local_.module, scattered_, options, observe);
    } catch (const Error&) {  // the check has run the same program to its end already
    }
    relay.end();
  }

  // Values of the whole program as long as an instruction may read them.
  void keep(const Instruction& i, const Literal& value) {
    for (const Instruction* operand : i.operands()) {
      if (last_use_.at(operand) == &i) latest_.erase(operand);
    }
    if (last_use_.contains(&i)) latest_[&i] = value;
  }

  // Those of all devices; nullopt where they are of other forms or types, or not there.
  std::optional<std::vector<Literal>> shards_of(const std::vector<Given>& given) const {
    if (given.empty()) return std::nullopt;
    const Slot& slot = slots_[given[0].form];
    std::vector<Literal> shards;
    for (const Given& of_device : given) {
      const bool fits = is_shard_of(of_device.value, slot.shape, slot.sharding, local_.mesh);
      if (of_device.form != given[0].form || !fits) return std::nullopt;
      shards.push_back(of_device.value);
    }
    return shards;
  }

  Literal gathered(const Slot& slot, const std::vector<Literal>& shards) const {
    return put_together(shards, slot.shape, slot.sharding, local_.mesh);
  }

  void follow(const Instruction& i, size_t number, int64_t run, Literal& value, const std::vector<Literal>& shards) {
    const Slot& slot = slots_[number];
    ValueDifference difference{slot.prepared, slot.leaf, run, slot.shape, slot.sharding, {}, ""};
    const Literal expected = leaf_of(value, slot.leaf);
    Literal got;
    try {
      got = gathered(slot, shards);
    } catch (const Error& error) {
      difference.copies = error.what();
      replay_.fault = std::move(difference);
      throw Enough{};
    }
    difference.comparison = compare(expected, got, tolerance_, Scale::median);
    if (difference.comparison.different != 0 && !is_rounding(i, slot.leaf, expected, got)) {
      replay_.fault = std::move(difference);
      throw Enough{};
    }
    size_t leaf = slot.leaf;
    value = with_leaf(value, leaf, got);
  }

  bool is_rounding(const Instruction& i, size_t leaf, const Literal& expected, const Literal& got) const {
    std::vector<Literal> operands;
    for (const Instruction* operand : i.operands()) operands.push_back(latest_.at(operand));
    return is_left_of_cancelling(i, std::move(operands), leaf, expected, got);
  }

  void look_for_tie(size_t number, int64_t run, const Literal& value, const std::vector<Literal>& shards) {
    const Slot& slot = slots_[number];
    if (is_floating(slot.shape.type()) || is_complex(slot.shape.type())) return;
    const Comparison comparison = compare(leaf_of(value, slot.leaf), gathered(slot, shards), 0);
    if (comparison.different == 0) return;
    replay_.ties.push_back({slot.prepared, slot.leaf, run, slot.shape, slot.sharding, comparison, ""});
    if (replay_.ties.size() == kMostTies) throw Enough{};
  }

  const std::unique_ptr<Module> whole_;
  const Partitioned local_;
  const std::vector<Literal> arguments_;
  const std::vector<std::vector<Literal>> scattered_;
  const double tolerance_;
  const EvaluateOptions options_;
  std::vector<Slot> slots_;
  size_t value_count_ = 0;
  Numbers by_whole_;  // numbers of values
  Numbers by_local_;  // numbers of slots
  std::unordered_map<const Instruction*, const Instruction*> last_use_;
  std::unordered_map<const Instruction*, Literal> latest_;
  Replay replay_;
};

// The instruction of the entry computation that a value is, or is inside of.
const Instruction* in_entry(const Module& module, const Instruction& value) {
  const Instruction* at = &value;
  while (at->parent() != module.entry()) {
    const Instruction* caller = nullptr;
    for (const auto& computation : module.computations()) {
      for (const auto& i : computation->instructions()) {
        const auto& callees = i->callees();
        if (std::find(callees.begin(), callees.end(), at->parent()) != callees.end()) caller = i.get();
      }
    }
    if (caller == nullptr) return nullptr;
    at = caller;
  }
  return at;
}

}  // namespace

std::vector<const Instruction*> way_to(const Module& module, const Instruction& value) {
  constexpr size_t kMostShown = 12;
  std::vector<const Instruction*> way;
  const Instruction* at = in_entry(module, value);
  if (at == nullptr) return way;
  if (at != &value) way.push_back(at);
  const UserTable users(*module.entry());
  while (way.size() < kMostShown && !users.users_of(*at).empty()) {
    at = users.users_of(*at)[0];
    way.push_back(at);
  }
  return way;
}

Replay replay(const Module& prepared, const Partitioned& program, std::span<const Literal> arguments, double tolerance,
              const EvaluateOptions& options) {
  return Replayer(prepared, program, arguments, tolerance, options).run();
}

}  // namespace gshard
