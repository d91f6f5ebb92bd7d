#include "shard/constraints.h"

#include <algorithm>
#include <unordered_map>

#include "base/hash.h"
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

uint64_t hash_of(const Loops& loops) {
  uint64_t hash = loops.factors.size();
  for (const Factor& factor : loops.factors) {
    hash_combine(hash, static_cast<uint64_t>(factor.kind));
    hash_combine(hash, static_cast<uint64_t>(factor.size));
    hash_combine(hash, static_cast<uint64_t>(factor.reducer));
  }
  for (const TensorFactors& dims : loops.dims) {
    hash_combine(hash, dims.size());
    for (const DimFactors& factors : dims) {
      for (const FactorId factor : factors) hash_combine(hash, static_cast<uint64_t>(factor));
    }
  }
  return hash;
}

bool are_equal(const Loops& a, const Loops& b) {
  const auto same = [](const Factor& x, const Factor& y) {
    return x.kind == y.kind && x.size == y.size && x.reducer == y.reducer;
  };
  return std::equal(a.factors.begin(), a.factors.end(), b.factors.begin(), b.factors.end(), same) && a.dims == b.dims;
}

// Keeps one of those that are equal.
class LoopsTable {
 public:
  std::shared_ptr<const Loops> one_of(Loops loops) {
    auto& alike = known_[hash_of(loops)];
    for (const auto& known : alike) {
      if (are_equal(*known, loops)) return known;
    }
    return alike.emplace_back(std::make_shared<const Loops>(std::move(loops)));
  }

 private:
  std::unordered_map<uint64_t, std::vector<std::shared_ptr<const Loops>>> known_;
};

// A constraint, and the position in the module of its instruction.
struct Found {
  Constraint constraint;
  size_t position = 0;
};

class Collector {
 public:
  Collector(const Module& module, const ValueTable& values) : module_(module), values_(values) {}

  std::vector<Found> collect() && {
    found_.reserve(values_.instruction_count());
    for (const auto& computation : module_.computations()) {
      for (const auto& instruction : computation->instructions()) {
        add(*instruction);
        ++position_;
      }
    }
    return std::move(found_);
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
    Loops loops;
    loops.factors = std::move(rule.factors);
    for (size_t i = 0; i < instruction.operand_count(); ++i) {
      if (!instruction.operand(i)->shape().is_array()) continue;
      constraint.tensors.push_back(values_.class_of(*instruction.operand(i)));
      loops.dims.push_back(std::move(rule.operands[i]));
    }
    constraint.operand_count = static_cast<uint32_t>(constraint.tensors.size());
    for (size_t leaf = 0; leaf < rule.results.size(); ++leaf) {
      constraint.tensors.push_back(values_.class_of(instruction, leaf));
      loops.dims.push_back(std::move(rule.results[leaf]));
    }
    if (constraint.tensors.size() < 2) return;
    constraint.loops = loops_.one_of(std::move(loops));
    if (constraint.level == 1) add_reductions(constraint);
    found_.push_back({std::move(constraint), position_});
  }

  // What costs a collective waits until the rest has settled.
  void add_reductions(const Constraint& constraint) {
    const Loops& loops = *constraint.loops;
    for (size_t f = 0; f < loops.factors.size(); ++f) {
      const FactorKind kind = loops.factors[f].kind;
      const bool ties = kind == FactorKind::reduce || (kind == FactorKind::whole && is_shared(loops, f));
      if (!ties) continue;
      found_.push_back({constraint, position_});
      found_.back().constraint.level = 2;
      return;
    }
  }

  static bool is_shared(const Loops& loops, size_t f) {
    const auto has_it = [&](const TensorFactors& dims) {
      return std::any_of(dims.begin(), dims.end(), [&](const DimFactors& factors) {
        return std::find(factors.begin(), factors.end(), static_cast<FactorId>(f)) != factors.end();
      });
    };
    return std::count_if(loops.dims.begin(), loops.dims.end(), has_it) > 1;
  }

  void add_identity(const Instruction& at, ValueClass from, ValueClass to) {
    if (from == to) return;
    found_.push_back({identity_between(at, values_.shape_of(to), from, to), position_});
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
  std::vector<Found> found_;
  LoopsTable loops_;
  size_t position_ = 0;
};

}  // namespace

Constraint identity_between(const Instruction& instruction, const Shape& shape, ValueClass from, ValueClass to) {
  Loops loops;
  TensorFactors dims(shape.is_array() ? shape.rank() : 0);
  for (size_t d = 0; d < dims.size(); ++d) {
    dims[d].push_back(static_cast<FactorId>(d));
    loops.factors.push_back({FactorKind::parallel, shape.dim(d), Reducer::none});
  }
  loops.dims = {dims, dims};
  return {&instruction, std::make_shared<const Loops>(std::move(loops)), {from, to}, 1, 0};
}

std::vector<Constraint> constraints_of(const Module& module, const ValueTable& values) {
  std::vector<Found> found = Collector(module, values).collect();
  std::vector<int64_t> bytes_of(values.class_count());
  for (size_t value = 0; value < bytes_of.size(); ++value) {
    bytes_of[value] = values.shape_of(static_cast<ValueClass>(value)).byte_size();
  }
  const std::vector<uint64_t> numbers = canonical_numbers(module, values);
  struct Key {
    int level;
    int64_t bytes;
    uint64_t number;
    size_t at;
  };
  std::vector<Key> keys;
  keys.reserve(found.size());
  for (const auto& [constraint, position] : found) {
    int64_t bytes = 0;
    for (const ValueClass tensor : constraint.tensors) bytes = std::max(bytes, bytes_of[static_cast<size_t>(tensor)]);
    keys.push_back({constraint.level, bytes, numbers[position], keys.size()});
  }
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    if (a.level != b.level) return a.level < b.level;
    if (a.bytes != b.bytes) return a.bytes > b.bytes;
    if (a.number != b.number) return a.number < b.number;
    return a.at < b.at;
  });
  std::vector<Constraint> sorted;
  sorted.reserve(found.size());
  for (const Key& key : keys) sorted.push_back(std::move(found[key.at].constraint));
  return sorted;
}

}  // namespace gshard
