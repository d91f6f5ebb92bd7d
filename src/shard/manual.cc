#include "shard/manual.h"

#include "shard/annotation_calls.h"

namespace gshard {
namespace {

// From operands to results, until nothing changes.
class Flow {
 public:
  Flow(const Constraints& constraints, ShardingTable& shardings)
      : shardings_(shardings), readers_(static_cast<size_t>(shardings.value_count())) {
    for (const Constraint& constraint : constraints.all) {
      if (is_to_manual_call(*constraint.instruction) || is_to_automatic_call(*constraint.instruction)) continue;
      for (size_t t = 0; t < constraint.operand_count; ++t) {
        readers_[static_cast<size_t>(constraint.tensors[t])].push_back(&constraint);
      }
    }
  }

  void run(std::vector<ValueClass> marked) {
    open_ = std::move(marked);
    while (!open_.empty()) {
      const ValueClass value = open_.back();
      open_.pop_back();
      for (const Constraint* constraint : readers_[static_cast<size_t>(value)]) {
        for (size_t t = constraint->operand_count; t < constraint->tensors.size(); ++t) {
          mark(constraint->tensors[t], shardings_[value].manual);
        }
      }
    }
  }

  void mark(ValueClass value, DigitSet manual) {
    if ((shardings_[value].manual | manual) == shardings_[value].manual) return;
    shardings_.set(value, inside_manual(shardings_[value], manual));
    open_.push_back(value);
  }

 private:
  ShardingTable& shardings_;
  std::vector<std::vector<const Constraint*>> readers_;
  std::vector<ValueClass> open_;
};

}  // namespace

Sharding inside_manual(const Sharding& sharding, DigitSet manual) {
  Sharding inside = sharding;
  for (Digits& digits : inside.dims) digits = within(digits, ~manual);
  inside.manual |= manual;
  return inside;
}

Sharding around_manual(const Sharding& sharding, DigitSet manual) {
  Sharding around = sharding;
  for (Digits& digits : around.dims) {
    const Digits rest = within(digits, ~manual);
    digits = within(digits, manual);
    for (const Digit digit : rest) digits.push_back(digit);
  }
  return around;
}

void mark_manual(const Module& module, const ValueTable& values, const Mesh& mesh, const Constraints& constraints,
                 ShardingTable& shardings) {
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() != Op::partition_id) continue;
      const ValueClass id = values.class_of(*instruction);
      shardings.set(id, inside_manual(shardings[id], mesh.all_digits()));
    }
  }
  std::vector<ValueClass> marked;
  for (ValueClass value = 0; value < shardings.value_count(); ++value) {
    if (shardings[value].manual != 0) marked.push_back(value);
  }
  if (!marked.empty()) Flow(constraints, shardings).run(std::move(marked));
}

}  // namespace gshard
