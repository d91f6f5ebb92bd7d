// How each op is done on the devices: in which way, and which mesh digits cut each of its factors.
#pragma once

#include <optional>
#include <vector>

#include "shard/estimate.h"
#include "shard/reshard_times.h"
#include "shard/way.h"

namespace gshard {

// What an op reads and makes, for choosing its plan. Shardings of the operands may be partial.
struct OpContext {
  const Instruction& instruction;
  std::vector<Shape> operand_shapes;  // global; tuples and tokens for operands without dimensions
  std::vector<Sharding> operands;     // how the operands lie
  std::vector<Shape> result_shapes;   // of the leaves
  std::vector<Sharding> results;      // how the results are wanted
  DigitSet manual = 0;                // each device along these does the op by itself
  uint64_t free_operands = 0;         // bit i: any form of operand i can be had without moving anything
};

// A dimension whose parts go around the devices along some digits, whatever else these cut: of an operand, so that each
// device has every part in turn, or of the result, so that each device adds its own to every part.
struct Ring {
  std::optional<size_t> operand;  // that has the dimension; none: the result
  size_t dim = 0;
  Digits digits = {};  // minor to those that cut the dimension's factor
  bool operator==(const Ring&) const = default;
};

// A choice for one op. Everything else follows from it: the shardings in which the op reads its operands and makes its
// results, and so the resharding around it.
struct OpPlan {
  const Way* way = nullptr;
  SmallVector<Digits, 6> cut;  // of each factor of the way's rule, major to minor
  // The digits over which operands are partial and stay so, through an op that is linear in them.
  DigitSet passing = 0;
  Reducer passing_reducer = Reducer::none;
  uint64_t passing_operands = 0;  // bit i: operand i is read partial
  std::optional<Ring> ring = {};  // of ways that are in a ring
};

// Sharding of one tensor whose dimensions are products of factors cut by `plan`.
Sharding sharding_under(const OpPlan& plan, const TensorFactors& dims);

// The digits over which the results are partial because they cut reduce or indexed factors, and their reducer.
struct PlanPartial {
  DigitSet digits = 0;
  Reducer reducer = Reducer::none;
};
PlanPartial partial_of(const OpPlan& plan);

// The shardings in which the plan reads operand `i` and makes result `leaf`.
Sharding operand_sharding(const OpContext& op, const OpPlan& plan, size_t i);
Sharding result_sharding(const OpContext& op, const OpPlan& plan, size_t leaf);

// The devices that plans are made for.
struct Target {
  const Mesh& mesh;
  const Machine& machine;
  ReshardTimes& times;
  double seconds_per_byte = 0;  // what a plan pays for memory; 0 where there is enough
};

// The fastest plan among those that follow one of the tensors, by estimate: bringing operands and results where they
// must lie, the work that is left to each device, and the price of memory. It points into `ways`.
OpPlan choose_plan(const OpContext& op, const std::vector<Way>& ways, const Target& target);

// Multiplications and additions of each device, without those of indexed factors.
double operations_of(const OpPlan& plan, const Mesh& mesh);
// Of one tensor on one device.
double local_bytes(const Shape& shape, const Sharding& sharding, const Mesh& mesh);

// Of an op whose operands are in place.
EstimatedTime time_of(const OpContext& op, const OpPlan& plan, const Target& target);

// The estimate for a plan with bringing operands and results where they must lie, in seconds.
double seconds_of(const OpContext& op, const OpPlan& plan, const Target& target);

}  // namespace gshard
