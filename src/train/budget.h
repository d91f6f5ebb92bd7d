// How much of a run's budget is used up, and the rates that follow from it.
//
//   const Budget budget{.steps = 1000};
//   budget.done({.steps = 250})                                  // 0.25
//   learning_rate({.peak = 1e-3, .warmup = 0.05}, 0.25, 250)     // falls in a line to 0 at the budget's end
#pragma once

#include <cstdint>

namespace gshard {

// What a run has done so far, summed over resumptions.
struct Progressed {
  int64_t steps = 0;
  int64_t tokens = 0;  // of targets, without padding
  double seconds = 0;
};

// 0 for what does not limit; what is reached first ends the run.
struct Budget {
  int64_t steps = 0;
  int64_t tokens = 0;
  double minutes = 0;

  // From 0 to 1.
  double done(const Progressed& so_far) const;
};

enum class Decay : uint8_t { linear, cosine, inverse_root };

struct LearningRate {
  double peak = 0;
  Decay decay = Decay::linear;
  double warmup = 0;         // share of the budget in which it rises
  int64_t least_warmup = 0;  // steps in which it rises at least
};

// Of the step after `steps` others, when the share `done` of the budget is used up; a little above 0 in a first step,
// of which none may be known.
double learning_rate(const LearningRate& rate, double done, int64_t steps);

}  // namespace gshard
