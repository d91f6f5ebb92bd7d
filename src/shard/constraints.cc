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
  for (const Dims& sizes : loops.sizes) {
    for (const int64_t size : sizes) hash_combine(hash, static_cast<uint64_t>(size));
  }
  return hash;
}

bool are_equal(const Loops& a, const Loops& b) {
  const auto same = [](const Factor& x, const Factor& y) {
    return x.kind == y.kind && x.size == y.size && x.reducer == y.reducer;
  };
  return std::equal(a.factors.begin(), a.factors.end(), b.factors.begin(), b.factors.end(), same) && a.dims == b.dims &&
         a.sizes == b.sizes;
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

// What decides when a constraint is visited.
struct Key {
  int level = 0;
  int64_t bytes = 0;    // of the largest tensor
  uint64_t number = 0;  // canonical, of the instruction
  uint32_t place = 0;   // in Constraints::all
};

class Collector {
 public:
  Collector(const Module& module, const ValueTable& values)
      : module_(module), values_(values), numbers_(canonical_numbers(module, values)) {}

  Constraints collect() && {
    // Most ops have one constraint, contractions two.
    found_.all.reserve(2 * values_.instruction_count());
    keys_.reserve(2 * values_.instruction_count());
    for (const auto& computation : module_.computations()) {
      for (const auto& instruction : computation->instructions()) {
        add(*instruction);
        ++position_;
      }
    }
    sort_keys();
    found_.order.reserve(keys_.size());
    for (const Key& key : keys_) found_.order.push_back(key.place);
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
    loops.dims.reserve(instruction.operand_count() + rule.results.size());
    loops.sizes.reserve(instruction.operand_count() + rule.results.size());
    for (size_t i = 0; i < instruction.operand_count(); ++i) {
      if (!instruction.operand(i)->shape().is_array()) continue;
      add_tensor(constraint, loops, values_.class_of(*instruction.operand(i)), std::move(rule.operands[i]));
    }
    constraint.operand_count = static_cast<uint32_t>(constraint.tensors.size());
    for (size_t leaf = 0; leaf < rule.results.size(); ++leaf) {
      add_tensor(constraint, loops, values_.class_of(instruction, leaf), std::move(rule.results[leaf]));
    }
    if (constraint.tensors.size() < 2) return;
    part_unlike(loops);
    constraint.loops = loops_.one_of(std::move(loops));
    if (constraint.level == 1) add_reductions(constraint);
    add_constraint(std::move(constraint));
  }

  void add_tensor(Constraint& constraint, Loops& loops, ValueClass value, TensorFactors factors) const {
    constraint.tensors.push_back(value);
    loops.dims.push_back(std::move(factors));
    loops.sizes.push_back(values_.shape_of(value).dims());
  }

  // Dimensions that must be whole lie alike, as what is sorted does before and after. Not where they differ in size:
  // the rows of an image are not those of its filter's gradient.
  static void part_unlike(Loops& loops) {
    for (size_t t = 0; t < loops.dims.size(); ++t) {
      for (size_t d = 0; d < loops.dims[t].size(); ++d) {
        DimFactors& factors = loops.dims[t][d];
        if (factors.size() != 1) continue;
        const Factor& factor = loops.factors[static_cast<size_t>(factors[0])];
        if (factor.kind != FactorKind::whole || factor.size == loops.sizes[t][d]) continue;
        factors[0] = static_cast<FactorId>(loops.factors.size());
        loops.factors.push_back({FactorKind::whole, loops.sizes[t][d], Reducer::none});
      }
    }
  }

  void add_constraint(Constraint constraint) {
    int64_t bytes = 0;
    for (const ValueClass value : constraint.tensors) bytes = std::max(bytes, values_.shape_of(value).byte_size());
    keys_.push_back({constraint.level, bytes, numbers_[position_], static_cast<uint32_t>(found_.all.size())});
    found_.all.push_back(std::move(constraint));
  }

  // What costs a collective waits until the rest has settled.
  void add_reductions(const Constraint& constraint) {
    const Loops& loops = *constraint.loops;
    for (size_t f = 0; f < loops.factors.size(); ++f) {
      const FactorKind kind = loops.factors[f].kind;
      const bool ties = kind == FactorKind::reduce || (kind == FactorKind::whole && is_shared(loops, f));
      if (!ties) continue;
      Constraint later = constraint;
      later.level = 2;
      return add_constraint(std::move(later));
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
    add_constraint(identity_between(at, values_.shape_of(to), from, to));
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

  void sort_keys() {
    std::sort(keys_.begin(), keys_.end(), [](const Key& a, const Key& b) {
      if (a.level != b.level) return a.level < b.level;
      if (a.bytes != b.bytes) return a.bytes > b.bytes;
      if (a.number != b.number) return a.number < b.number;
      return a.place < b.place;
    });
  }

  const Module& module_;
  const ValueTable& values_;
  Constraints found_;
  const std::vector<uint64_t> numbers_;  // of all instructions
  std::vector<Key> keys_;
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
  loops.sizes = {shape.dims(), shape.dims()};
  return {&instruction, std::make_shared<const Loops>(std::move(loops)), {from, to}, 1, 0};
}

void Constraints::put_first(std::vector<Constraint> constraints) {
  std::vector<uint32_t> first;
  for (size_t i = constraints.size(); i-- > 0;) first.push_back(static_cast<uint32_t>(all.size() + i));
  order.insert(order.begin(), first.begin(), first.end());
  std::move(constraints.begin(), constraints.end(), std::back_inserter(all));
}

Constraints constraints_of(const Module& module, const ValueTable& values) {
  return Collector(module, values).collect();
}

}  // namespace gshard
