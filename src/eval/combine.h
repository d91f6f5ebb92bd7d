// Taking elements into others with a reducer, in place: reduce-window, scatter, select-and-scatter.
//
//   Combiner add(evaluator.lanes_of(*callee), {&sum, 1}, {&x, 1});
//   add.run({.to = 0, .to_step = 1, .from = 4, .from_step = 1, .count = 100});   // sum[i] += x[4 + i]
#pragma once

#include <span>
#include <vector>

#include "eval/lane_program.h"
#include "eval/movement.h"

namespace gshard {

// Elements that meet in pairs: to + i * to_step takes in from + i * from_step, for 0 <= i < count. No element is taken
// into twice.
struct CombineRun {
  int64_t to = 0;
  int64_t to_step = 0;
  int64_t from = 0;
  int64_t from_step = 0;
  int64_t count = 1;
};

// Both sides converted to the types of the reducer's parameters, which may be wider than those of the operands (bf16
// that is summed in f32).
void convert_for(const LaneProgram& reducer, std::span<Literal> to, std::span<Literal> from);

// A reducer over n + n values with n arrays on each side: (to[0], ..., from[0], ...) -> (to[0], ...).
class Combiner {
 public:
  // The arrays have the types of the reducer's parameters and stay where they are as long as the combiner is used.
  Combiner(LaneProgram& reducer, std::span<Literal> to, std::span<const Literal> from);

  void run(const CombineRun& run);
  // Pairs the elements of two boxes.
  void run_box(const Dims& sizes, const View& to, const View& from);

 private:
  struct Side {
    std::byte* to;
    const std::byte* from;
    DType to_type;
    DType from_type;
    // For elements that do not lie side by side.
    std::vector<std::byte> to_block;
    std::vector<std::byte> from_block;
  };
  void run_block(const CombineRun& run);

  LaneProgram& reducer_;
  std::vector<Side> sides_;
  std::vector<const std::byte*> arguments_;
  std::vector<std::byte*> results_;
};

}  // namespace gshard
