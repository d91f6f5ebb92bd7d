#include "train/budget.h"

#include <algorithm>
#include <cmath>

namespace gshard {

double Budget::done(const Progressed& so_far) const {
  double done = 0;
  if (steps > 0) done = std::max(done, static_cast<double>(so_far.steps) / static_cast<double>(steps));
  if (tokens > 0) done = std::max(done, static_cast<double>(so_far.tokens) / static_cast<double>(tokens));
  if (minutes > 0) done = std::max(done, so_far.seconds / (60 * minutes));
  return std::min(done, 1.0);
}

namespace {

// What a first step has risen of the peak where nobody knows which share of the budget it takes.
constexpr double kFirstRise = 0.005;

// What is left of the highest rate once it falls.
double fallen(const LearningRate& rate, double done, int64_t steps) {
  const double share = rate.warmup >= 1 ? 0 : std::clamp((done - rate.warmup) / (1 - rate.warmup), 0.0, 1.0);
  switch (rate.decay) {
    case Decay::linear:
      return 1 - share;
    case Decay::cosine:
      return (1 + std::cos(M_PI * share)) / 2;
    case Decay::inverse_root:
      break;
  }
  const auto flat = static_cast<double>(std::max<int64_t>(rate.least_warmup, 1));
  return std::sqrt(flat / std::max(flat, static_cast<double>(steps)));
}

}  // namespace

double learning_rate(const LearningRate& rate, double done, int64_t steps) {
  double risen = 1;
  if (rate.least_warmup > 0) risen = static_cast<double>(steps + 1) / static_cast<double>(rate.least_warmup);
  if (rate.warmup > 0 && rate.decay != Decay::inverse_root) {
    risen = std::min(risen, done > 0 ? done / rate.warmup : kFirstRise);
  }
  return rate.peak * std::min(std::min(risen, 1.0), fallen(rate, done, steps));
}

}  // namespace gshard
