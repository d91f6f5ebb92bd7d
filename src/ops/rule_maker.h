// The tool with which the rule_*.cc files write factor rules.
#pragma once

#include "ops/rule.h"

namespace gshard {

// Starts with every dimension of every array without factors; the functions add one at the minor end of a dimension.
class RuleMaker {
 public:
  explicit RuleMaker(const Instruction& instruction);

  FactorId factor(FactorKind kind, int64_t size, Reducer reducer = Reducer::none);
  FactorId parallel(int64_t size) { return factor(FactorKind::parallel, size); }
  FactorId whole(int64_t size) { return factor(FactorKind::whole, size); }

  void operand(size_t number, int64_t dim, FactorId id) {
    rule_.operands[number][static_cast<size_t>(dim)].push_back(id);
  }
  void result(size_t leaf, int64_t dim, FactorId id) { rule_.results[leaf][static_cast<size_t>(dim)].push_back(id); }
  // On that dimension of every leaf of the result.
  void results(int64_t dim, FactorId id);

  size_t operand_rank(size_t number) const { return rule_.operands[number].size(); }
  size_t result_rank(size_t leaf = 0) const { return rule_.results[leaf].size(); }
  Linearity& linearity() { return rule_.linearity; }
  // An op that only moves the elements of operands [0, count): partial values of any reducer pass.
  void moves_elements(size_t count = 1) { rule_.linearity.jointly = (uint64_t{1} << count) - 1; }

  void set_index_operand(size_t number) { rule_.index_operand = static_cast<int>(number); }

  // Every dimension of arrays that has no factor yet must be complete.
  Rule finish() &&;

 private:
  const Instruction& instruction_;
  Rule rule_;
};

Rule rule_pointwise(const Instruction& instruction);
Rule rule_leaf(const Instruction& instruction);
Rule rule_rng_bit_generator(const Instruction& instruction);
Rule rule_whole(const Instruction& instruction);
Rule rule_broadcast(const Instruction& instruction);
Rule rule_reshape(const Instruction& instruction);
Rule rule_bitcast(const Instruction& instruction);
Rule rule_transpose(const Instruction& instruction);
Rule rule_reverse(const Instruction& instruction);
Rule rule_slice(const Instruction& instruction);
Rule rule_pad(const Instruction& instruction);
Rule rule_concatenate(const Instruction& instruction);
Rule rule_dot(const Instruction& instruction);
Rule rule_ragged_dot(const Instruction& instruction);
Rule rule_convolution(const Instruction& instruction);
Rule rule_reduce(const Instruction& instruction);
Rule rule_reduce_window(const Instruction& instruction);
Rule rule_select_and_scatter(const Instruction& instruction);
Rule rule_sort(const Instruction& instruction);
Rule rule_topk(const Instruction& instruction);
Rule rule_dynamic_slice(const Instruction& instruction);
Rule rule_dynamic_update_slice(const Instruction& instruction);
Rule rule_gather(const Instruction& instruction);
Rule rule_scatter(const Instruction& instruction);
Rule rule_batched_matrix(const Instruction& instruction);
Rule rule_fft(const Instruction& instruction);
Rule rule_all_reduce(const Instruction& instruction);
Rule rule_custom_call(const Instruction& instruction);

}  // namespace gshard
