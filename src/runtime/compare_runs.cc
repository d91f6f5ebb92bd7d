#include "runtime/compare_runs.h"

#include <map>
#include <mutex>
#include <unordered_map>

#include "eval/simulate.h"
#include "runtime/device_values.h"
#include "runtime/instruction_names.h"
#include "runtime/whole.h"
#include "transform/widen_floats.h"

namespace gshard {
namespace {

constexpr int64_t kMostKept = int64_t{1} << 30;

// One execution of a value of the whole program.
struct Execution {
  const Instruction* value = nullptr;
  size_t leaf = 0;
  int64_t run = 0;
  auto operator<=>(const Execution&) const = default;
};

struct Observed {
  Execution execution;
  const TracedValue& form;
  Shape shape;  // whole, as evaluated
  std::vector<Literal> shards;
};

const Shape& leaf_shape(const Shape& shape, size_t& leaf) {
  if (!shape.is_tuple()) return shape;
  for (const Shape& element : shape.elements()) {
    const auto count = static_cast<size_t>(element.leaf_count());
    if (leaf < count) return leaf_shape(element, leaf);
    leaf -= count;
  }
  GSHARD_CHECK(false);
}

// Runs a program and calls visit(observed) for each traced value once all devices have it, in the order in which they
// make them; from their threads, one at a time.
template <class Visit>
class Observation {
 public:
  Observation(const Partitioned& program, Visit visit)
      : program_(widened(program)),
        devices_(static_cast<size_t>(program_.mesh.device_count())),
        runs_(devices_),
        visit_(visit) {
    const InstructionNames names(*program_.module);
    std::map<std::pair<const Instruction*, size_t>, bool> complete;
    for (const TracedValue& form : program.trace) {
      const bool is_there = names.find(form.computation, form.name) != nullptr;
      complete.try_emplace({form.value, form.leaf}, true).first->second &= is_there;
    }
    for (const TracedValue& form : program.trace) {
      // Executions are counted over all forms of a value.
      if (complete.at({form.value, form.leaf})) forms_[names.find(form.computation, form.name)].push_back(&form);
    }
  }

  void run(std::span<const Literal> arguments, const EvaluateOptions& options) {
    simulate(*program_.module, scatter_arguments(program_, arguments), options,
             [&](int64_t device, const Instruction& i, const Literal& value) {
               if (device < static_cast<int64_t>(devices_)) observe(static_cast<size_t>(device), i, value);
             });
  }

  const Mesh& mesh() const { return program_.mesh; }

 private:
  struct Pending {
    std::vector<Literal> shards;
    size_t given = 0;
  };

  void observe(size_t device, const Instruction& i, const Literal& value) {
    const auto forms = forms_.find(&i);
    if (forms == forms_.end()) return;
    const std::scoped_lock lock(mutex_);
    for (const TracedValue* form : forms->second) {
      const int64_t run = runs_[device][{form->value, form->leaf}]++;
      const Execution execution{form->value, form->leaf, run};
      Pending& pending = pending_[execution];
      pending.shards.resize(devices_);
      pending.shards[device] = value;
      if (++pending.given == devices_) take(execution, *form);
    }
  }

  void take(const Execution& execution, const TracedValue& form) {
    std::vector<Literal> shards = std::move(pending_.extract(execution).mapped().shards);
    size_t leaf = execution.leaf;
    const Shape shape = widened(leaf_shape(execution.value->shape(), leaf));
    if (!shape.is_array()) return;
    for (const Literal& shard : shards) {
      if (!is_shard_of(shard, shape, form.sharding, program_.mesh)) return;
    }
    visit_(Observed{execution, form, shape, std::move(shards)});
  }

  const Partitioned program_;
  const size_t devices_;
  std::unordered_map<const Instruction*, std::vector<const TracedValue*>> forms_;
  std::mutex mutex_;
  std::vector<std::map<std::pair<const Instruction*, size_t>, int64_t>> runs_;
  std::map<Execution, Pending> pending_;
  Visit visit_;
};

// What the truth made, numbered in its order.
struct Kept {
  size_t number;
  Literal value;
};

}  // namespace

std::optional<ValueDifference> first_difference(const Partitioned& truth, const Partitioned& program,
                                                std::span<const Literal> arguments, double tolerance,
                                                const EvaluateOptions& options) {
  std::map<Execution, Kept> kept;
  int64_t bytes = 0;
  Observation(truth, [&](const Observed& seen) {
    if (bytes > kMostKept) return;
    Literal value = put_together(seen.shards, seen.shape, seen.form.sharding, truth.mesh);
    bytes += value.byte_size();
    kept.emplace(seen.execution, Kept{kept.size(), std::move(value)});
  }).run(arguments, options);

  std::optional<ValueDifference> first;
  size_t first_number = kept.size();
  const auto look = [&](const Observed& seen) {
    const auto expected = kept.find(seen.execution);
    if (expected == kept.end() || expected->second.number >= first_number) return;
    const auto& [value, leaf, run] = seen.execution;
    ValueDifference difference{value, leaf, run, expected->second.value.shape(), seen.form.sharding, {}, ""};
    try {
      const Literal got = put_together(seen.shards, seen.shape, seen.form.sharding, program.mesh);
      if (!(got.shape() == difference.shape)) return;
      difference.comparison = compare(expected->second.value, got, tolerance, Scale::median);
      if (difference.comparison.different == 0) return;
    } catch (const Error& error) {
      difference.copies = error.what();
    }
    first_number = expected->second.number;
    first = std::move(difference);
  };
  Observation(program, look).run(arguments, options);
  return first;
}

}  // namespace gshard
