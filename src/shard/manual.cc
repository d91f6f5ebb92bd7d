#include "shard/manual.h"

#include "shard/annotation_calls.h"

namespace gshard {
namespace {

// From operands to results, until nothing changes.
class Flow {
 public:
  Flow(const std::vector<Constraint>& constraints, std::vector<PartialSharding>& shardings)
      : constraints_(constraints), shardings_(shardings), readers_(shardings.size()) {
    for (const Constraint& constraint : constraints) {
      if (is_to_manual_call(*constraint.instruction) || is_to_automatic_call(*constraint.instruction)) continue;
      for (size_t t = 0; t < constraint.operand_count; ++t) {
        readers_[static_cast<size_t>(constraint.tensors[t])].push_back(&constraint);
      }
    }
  }

  void run() {
    for (size_t value = 0; value < shardings_.size(); ++value) {
      if (shardings_[value].sharding.manual != 0) open_.push_back(value);
    }
    while (!open_.empty()) {
      const size_t value = open_.back();
      open_.pop_back();
      for (const Constraint* constraint : readers_[value]) {
        for (size_t t = constraint->operand_count; t < constraint->tensors.size(); ++t) {
          mark(static_cast<size_t>(constraint->tensors[t]), shardings_[value].sharding.manual);
        }
      }
    }
  }

  void mark(size_t value, DigitSet manual) {
    Sharding& sharding = shardings_[value].sharding;
    if ((sharding.manual | manual) == sharding.manual) return;
    sharding = inside_manual(sharding, manual);
    open_.push_back(value);
  }

 private:
  const std::vector<Constraint>& constraints_;
  std::vector<PartialSharding>& shardings_;
  std::vector<std::vector<const Constraint*>> readers_;
  std::vector<size_t> open_;
};

}  // namespace

Sharding inside_manual(const Sharding& sharding, DigitSet manual) {
  Sharding inside = sharding;
  for (size_t d = 0; d < sharding.dims.size(); ++d) {
    inside.dims[d].clear();
    for (const Digit digit : sharding.dims[d]) {
      if ((manual & digit_bit(digit)) == 0) inside.dims[d].push_back(digit);
    }
  }
  inside.manual |= manual;
  return inside;
}

Sharding around_manual(const Sharding& sharding, DigitSet manual) {
  Sharding around = sharding;
  for (size_t d = 0; d < sharding.dims.size(); ++d) {
    around.dims[d].clear();
    for (const Digit digit : sharding.dims[d]) {
      if ((manual & digit_bit(digit)) != 0) around.dims[d].push_back(digit);
    }
    for (const Digit digit : sharding.dims[d]) {
      if ((manual & digit_bit(digit)) == 0) around.dims[d].push_back(digit);
    }
  }
  return around;
}

void mark_manual(const Module& module, const ValueTable& values, const Mesh& mesh,
                 const std::vector<Constraint>& constraints, std::vector<PartialSharding>& shardings) {
  bool is_any = false;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() != Op::partition_id) continue;
      Sharding& id = shardings[static_cast<size_t>(values.class_of(*instruction))].sharding;
      id = inside_manual(id, mesh.all_digits());
    }
  }
  for (const PartialSharding& value : shardings) is_any = is_any || value.sharding.manual != 0;
  if (is_any) Flow(constraints, shardings).run();
}

}  // namespace gshard
