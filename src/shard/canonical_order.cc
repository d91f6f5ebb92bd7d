#include "shard/canonical_order.h"

#include <unordered_map>

#include "base/hash.h"

namespace gshard {
namespace {

void add_dims(uint64_t& hash, const Dims& dims) {
  hash_combine(hash, dims.size());
  for (const int64_t dim : dims) hash_combine(hash, static_cast<uint64_t>(dim));
}

uint64_t hash_of_sharding(const HloSharding& sharding) {
  uint64_t hash = static_cast<uint64_t>(sharding.kind);
  hash_combine(hash, static_cast<uint64_t>(sharding.device));
  add_dims(hash, sharding.tiles.dims);
  add_dims(hash, sharding.tiles.reshape_dims);
  add_dims(hash, sharding.tiles.transpose_perm);
  for (const int64_t device : sharding.tiles.devices) hash_combine(hash, static_cast<uint64_t>(device));
  for (const HloSharding::Subgroup subgroup : sharding.subgroups) hash_combine(hash, static_cast<uint64_t>(subgroup));
  hash_combine(hash, hash_of(sharding.named));
  for (const HloSharding& element : sharding.elements) hash_combine(hash, hash_of_sharding(element));
  return hash;
}

uint64_t hash_of_annotation(const Notes& notes) {
  uint64_t hash = notes.sharding == nullptr ? 0 : hash_of_sharding(*notes.sharding);
  if (notes.frontend_attributes == nullptr) return hash;
  for (const auto& [name, value] : *notes.frontend_attributes) {
    hash_combine(hash, hash_of(name));
    hash_combine(hash, hash_of(value));
  }
  return hash;
}

class Numbering {
 public:
  Numbering(const Module& module, const ValueTable& values)
      : module_(module), values_(values), made_(values.instruction_count()), used_(values.instruction_count()) {}

  std::vector<uint64_t> run() && {
    const auto& computations = module_.computations();
    for (const auto& computation : computations) {
      for (const auto& instruction : computation->instructions()) made_[position(*instruction)] = made_of(*instruction);
    }
    for (auto computation = computations.rbegin(); computation != computations.rend(); ++computation) {
      used_[position(*(*computation)->root())] += context_[computation->get()] + 1;
      const auto& instructions = (*computation)->instructions();
      for (auto user = instructions.rbegin(); user != instructions.rend(); ++user) add_uses(**user);
    }
    return std::move(made_);
  }

 private:
  size_t position(const Instruction& instruction) const { return values_.position_of(instruction); }

  // What an instruction computes: its op, and what its operands and callees compute.
  uint64_t made_of(const Instruction& instruction) const {
    uint64_t hash = instruction.shape().hash();
    hash_combine(hash, static_cast<uint64_t>(instruction.op()));
    if (instruction.op() != Op::constant) hash_combine(hash, hash_of(instruction.attributes()));
    hash_combine(hash, hash_of_annotation(instruction.notes()));
    for (const Instruction* operand : instruction.operands()) hash_combine(hash, made_[position(*operand)]);
    for (const Computation* callee : instruction.callees()) hash_combine(hash, made_[position(*callee->root())]);
    return hash;
  }

  // All users of `user` are known: its number is complete, and its operands are told of it. Sums, since users have no
  // order.
  void add_uses(const Instruction& user) {
    uint64_t& number = made_[position(user)];
    hash_combine(number, used_[position(user)]);
    uint64_t use = number;
    for (const Instruction* operand : user.operands()) {
      hash_combine(use, 1);
      used_[position(*operand)] += use;
    }
    for (const Computation* callee : user.callees()) {
      hash_combine(use, 1);
      context_[callee] += use;
    }
  }

  const Module& module_;
  const ValueTable& values_;
  std::vector<uint64_t> made_, used_;
  std::unordered_map<const Computation*, uint64_t> context_;  // of the calls of a computation
};

}  // namespace

std::vector<uint64_t> canonical_numbers(const Module& module, const ValueTable& values) {
  return Numbering(module, values).run();
}

}  // namespace gshard
