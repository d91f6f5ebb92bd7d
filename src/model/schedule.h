// Learning rates over the steps of a training.
//
//   Tensor rate = rate_at(Schedule::inverse_root(1.0, 10000), step);      // 0.01 for 10000 steps, then 1 / sqrt(step)
#pragma once

#include "model/tensor.h"

namespace gshard {

struct Schedule {
  enum class Kind : uint8_t { constant, inverse_root, cosine, given } kind = Kind::constant;
  double rate = 0;
  int64_t steps = 0;  // inverse_root: before it falls; cosine: until it is at its lowest
  int64_t ramp = 0;   // steps over which it first rises from 0 in a line
  double lowest = 0;  // where cosine ends

  static Schedule constant(double rate) { return {Kind::constant, rate}; }
  // rate / sqrt(max(step, flat)): the paper's with 1.0 and 10000.
  static Schedule inverse_root(double rate, int64_t flat) { return {Kind::inverse_root, rate, flat}; }
  // Half a wave from rate to 0.
  static Schedule cosine(double rate, int64_t steps) { return {Kind::cosine, rate, steps}; }
  // What the input "learning_rate" of each run says, an f32 scalar.
  static Schedule given() { return {Kind::given}; }
  Schedule with_ramp(int64_t steps) const;
};

// The rate of a step (unless it is given), a scalar that counts from 0 and is of the rate's type.
Tensor rate_at(const Schedule& schedule, Tensor step);

}  // namespace gshard
