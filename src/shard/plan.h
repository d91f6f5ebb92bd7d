// How each op is done on the devices: which mesh digits cut each of its factors.
#pragma once

#include <vector>

#include "ops/rule.h"
#include "shard/reshard.h"

namespace gshard {

// A choice for one op. Everything else follows from it: the shardings in which the op reads its operands and makes its
// results, and so the resharding around it.
struct OpPlan {
  std::vector<Digits> cut;  // of each factor, major to minor
};

// Sharding of one tensor whose dimensions are products of factors cut by `plan`.
Sharding sharding_under(const OpPlan& plan, const TensorFactors& dims);

// The digits over which the results are partial: those that cut reduce factors, and their reducer.
struct PlanPartial {
  DigitSet digits = 0;
  Reducer reducer = Reducer::none;
};
PlanPartial partial_of(const OpPlan& plan, const Rule& rule);

// What an op reads and makes, for choosing its plan.
struct OpContext {
  const Rule& rule;
  std::vector<Shape> operand_shapes;  // global; tuples and tokens for operands without dimensions
  std::vector<Sharding> operands;     // how the operands lie
  std::vector<Shape> result_shapes;   // of the array leaves
  std::vector<Sharding> results;      // how the results are wanted
};

// The shardings in which the plan reads operand `i` and makes result `leaf`.
Sharding operand_sharding(const OpContext& op, const OpPlan& plan, size_t i);
Sharding result_sharding(const OpContext& op, const OpPlan& plan, size_t leaf);

// The cheapest plan among those that follow one of the tensors: bytes sent for resharding operands and results, and the
// work that is left to each device.
OpPlan choose_plan(const OpContext& op, const Mesh& mesh);

}  // namespace gshard
