// A computation over scalars - a reducer, comparator, combiner or map body - made ready to run over many elements
// ("lanes") at once, or over one with little effort.
//
//   LaneProgram& add = evaluator.lanes_of(*reduce.callees()[0]);
//   add.run({a, b}, {sum}, 100);   // sum[k] = a[k] + b[k] for 100 raw elements
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "eval/pointwise.h"

namespace gshard {

class LaneProgram {
 public:
  // The most lanes of one run.
  static constexpr size_t kLanes = PointwiseOp::kBlock;

  // The parameters and the result are scalars, the result perhaps a tuple of them. Constants, calls and pointwise ops
  // become steps over blocks of lanes; a body with any other op is evaluated lane by lane. The evaluator and the
  // computation must outlive the program.
  LaneProgram(Evaluator& evaluator, const Computation& computation);

  // Runs lanes 0 to n: argument i of lane k is element k at arguments[i], result j of lane k is written to element k
  // at results[j]. Results may stand where arguments do.
  void run(std::span<const std::byte* const> arguments, std::span<std::byte* const> results, size_t n);

  const std::vector<DType>& argument_types() const { return argument_types_; }
  const std::vector<DType>& result_types() const { return result_types_; }

 private:
  using Slot = size_t;
  struct Step {
    PointwiseOp op;
    std::array<Slot, 3> in{};
    Slot out = 0;
  };

  // Appends the steps of a computation; returns the slots of its results, or none where it cannot be done.
  std::vector<Slot> compile(const Computation& computation, std::span<const Slot> arguments);
  Slot add_slot(DType type);
  Slot add_constant(const Literal& value);
  void run_lane_by_lane(std::span<const std::byte* const> arguments, std::span<std::byte* const> results, size_t n);

  Evaluator& evaluator_;
  const Computation& computation_;
  std::vector<DType> argument_types_;
  std::vector<DType> result_types_;
  std::vector<Step> steps_;
  std::vector<Slot> results_;      // empty where the body is evaluated lane by lane
  std::vector<DType> slot_types_;  // the first slots are the arguments
  std::vector<std::byte*> slots_;  // where each slot's elements stand in this run
  std::vector<std::unique_ptr<std::byte[]>> memory_;
  size_t compiled_ = 0;  // instructions
};

}  // namespace gshard
