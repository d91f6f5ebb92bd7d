#include "shard/constraints.h"

#include <algorithm>
#include <numeric>

#include "ops/table.h"
#include "shard/canonical_order.h"

namespace gshard {
namespace {

int level_of(const Instruction& instruction) {
  if (instruction.op() == Op::broadcast) return 3;
  const Traits traits = row_of(instruction.op()).traits;
  const bool passes =
      has(traits, Traits::pointwise) || has(traits, Traits::data_movement) || instruction.op() == Op::custom_call;
  return passes ? 0 : 1;
}

class Collector {
 public:
  Collector(const Module& module, const ValueTable& values) : module_(module), values_(values) {}

  std::vector<Constraint> collect() && {
    for (const auto& computation : module_.computations()) {
      for (const auto& instruction : computation->instructions()) add(*instruction);
    }
    return std::move(constraints_);
  }

 private:
  void add(const Instruction& instruction) {
    if (instruction.op() == Op::while_) return add_while(instruction);
    if (instruction.op() == Op::conditional) return add_conditional(instruction);
    if (instruction.op() == Op::call) return add_call(instruction);
    if (has_rule(instruction.op())) add_rule(instruction);
  }

  void add_rule(const Instruction& instruction) {
    Rule rule = rule_of(instruction);
    Constraint constraint;
    constraint.instruction = &instruction;
    constraint.level = level_of(instruction);
    constraint.factors = std::move(rule.factors);
    for (size_t i = 0; i < instruction.operand_count(); ++i) {
      if (!instruction.operand(i)->shape().is_array()) continue;
      constraint.tensors.push_back(values_.class_of(*instruction.operand(i)));
      constraint.dims.push_back(std::move(rule.operands[i]));
    }
    constraint.operand_count = constraint.tensors.size();
    for (size_t leaf = 0; leaf < rule.results.size(); ++leaf) {
      constraint.tensors.push_back(values_.class_of(instruction, leaf));
      constraint.dims.push_back(std::move(rule.results[leaf]));
    }
    if (constraint.tensors.size() < 2) return;
    if (constraint.level == 1) add_reductions(constraint);
    constraints_.push_back(std::move(constraint));
  }

  // What costs a collective waits until the rest has settled.
  void add_reductions(const Constraint& constraint) {
    for (size_t f = 0; f < constraint.factors.size(); ++f) {
      const FactorKind kind = constraint.factors[f].kind;
      const bool ties = kind == FactorKind::reduce || (kind == FactorKind::whole && is_shared(constraint, f));
      if (!ties) continue;
      constraints_.push_back(constraint);
      constraints_.back().level = 2;
      return;
    }
  }

  static bool is_shared(const Constraint& constraint, size_t f) {
    const auto has_it = [&](const TensorFactors& dims) {
      return std::any_of(dims.begin(), dims.end(), [&](const DimFactors& factors) {
        return std::find(factors.begin(), factors.end(), static_cast<FactorId>(f)) != factors.end();
      });
    };
    return std::count_if(constraint.dims.begin(), constraint.dims.end(), has_it) > 1;
  }

  void add_identity(const Instruction& at, ValueClass from, ValueClass to) {
    if (from == to) return;
    constraints_.push_back(identity_between(at, values_.shape_of(to), from, to));
  }

  void add_identities(const Instruction& at, const Instruction& from, const Instruction& to) {
    const size_t leaves = values_.leaf_count(to);
    for (size_t leaf = 0; leaf < leaves; ++leaf) {
      add_identity(at, values_.class_of(from, leaf), values_.class_of(to, leaf));
    }
  }

  void add_while(const Instruction& loop) {
    add_identities(loop, *loop.operand(0), loop);
    add_identities(loop, *loop.callees()[1]->root(), loop);
  }

  void add_conditional(const Instruction& choice) {
    for (size_t branch = 0; branch < choice.callees().size(); ++branch) {
      const Computation& callee = *choice.callees()[branch];
      add_identities(choice, *choice.operand(branch + 1), *callee.parameter(0));
      add_identities(choice, *callee.root(), choice);
    }
  }

  void add_call(const Instruction& call) {
    const Computation& callee = *call.callees()[0];
    for (size_t i = 0; i < call.operand_count(); ++i) add_identities(call, *call.operand(i), *callee.parameter(i));
    add_identities(call, *callee.root(), call);
  }

  const Module& module_;
  const ValueTable& values_;
  std::vector<Constraint> constraints_;
};

}  // namespace

Constraint identity_between(const Instruction& instruction, const Shape& shape, ValueClass from, ValueClass to) {
  Constraint constraint;
  constraint.instruction = &instruction;
  TensorFactors dims(shape.is_array() ? shape.rank() : 0);
  for (size_t d = 0; d < dims.size(); ++d) {
    dims[d].push_back(static_cast<FactorId>(d));
    constraint.factors.push_back({FactorKind::parallel, shape.dim(d), Reducer::none});
  }
  constraint.tensors = {from, to};
  constraint.dims = {dims, dims};
  constraint.operand_count = 1;
  return constraint;
}

std::vector<Constraint> constraints_of(const Module& module, const ValueTable& values) {
  std::vector<Constraint> constraints = Collector(module, values).collect();
  const std::vector<uint64_t> numbers = canonical_numbers(module, values);
  struct Key {
    int level;
    int64_t bytes;
    uint64_t number;
    size_t at;
  };
  std::vector<Key> keys;
  for (size_t i = 0; i < constraints.size(); ++i) {
    int64_t bytes = 0;
    for (const ValueClass tensor : constraints[i].tensors) bytes = std::max(bytes, values.shape_of(tensor).byte_size());
    keys.push_back({constraints[i].level, bytes, numbers[values.position_of(*constraints[i].instruction)], i});
  }
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    if (a.level != b.level) return a.level < b.level;
    if (a.bytes != b.bytes) return a.bytes > b.bytes;
    if (a.number != b.number) return a.number < b.number;
    return a.at < b.at;
  });
  std::vector<Constraint> sorted;
  sorted.reserve(constraints.size());
  for (const Key& key : keys) sorted.push_back(std::move(constraints[key.at]));
  return sorted;
}

}  // namespace gshard
