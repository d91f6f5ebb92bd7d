// What instructions cost: arithmetic and memory traffic, by the usual conventions.
//
//   const Costs costs(module, trip_count);          // trip_count(loop) of each while
//   costs.of(*dot).flops                            // 2 * 128 * 64 * 32 for f32[128,64] x f32[64,32]
//   costs.total().flops                             // of one run of the module, loops multiplied out
#pragma once

#include <functional>
#include <unordered_map>

#include "ir/module.h"

namespace gshard {

// Numbers are doubles: totals of large models leave 64 bits.
struct Cost {
  // Arithmetic operations: 2 for each multiply-add of dot and convolution (those with padding left out), 1 for
  // each element of a pointwise result, the reducer for each element that a reduction takes in.
  double flops = 0;
  // Elements of exponential, log, tanh, power, ...: those are not among the flops.
  double transcendentals = 0;
  // Bytes of the operands and the result that are touched: of slices and updates only the part that moves. Nothing
  // for ops that only rename values (tuple, reshape, bitcast, ...).
  double bytes_read = 0;
  double bytes_written = 0;

  Cost& operator+=(const Cost& other);
  Cost operator*(double times) const;
};

// How often a while runs its body.
using TripCount = std::function<double(const Instruction& loop)>;

class Costs {
 public:
  // Without `trip_count` every loop runs once. The module must be verified, and live as long as this.
  explicit Costs(const Module& module, const TripCount& trip_count = {});

  // One run of the instruction alone. Computations that run for each element (reducers, comparators) are part of it,
  // those that are called (call, fusion, while, conditional) are not: look at runs() of them.
  Cost of(const Instruction& instruction) const;

  // How often a computation is called in one run of the module; 0 for those that run for each element. Branches of
  // a conditional are taken equally often.
  double runs(const Computation& computation) const;
  // Whether it is the body of a fusion, whose values stay out of memory.
  bool is_fused(const Computation& computation) const;

  // All instructions times their runs.
  Cost total() const { return total_; }

 private:
  struct Entry {
    Cost once;  // all its instructions, one run
    double runs = 0;
    bool fused = false;
  };
  void count_runs(const Module& module, const TripCount& trip_count);

  std::unordered_map<const Computation*, Entry> entries_;
  Cost total_;
};

}  // namespace gshard
