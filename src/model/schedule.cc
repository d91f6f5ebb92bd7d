#include "model/schedule.h"

#include <algorithm>
#include <cmath>

namespace gshard {

Schedule Schedule::with_ramp(int64_t steps) const {
  Schedule schedule = *this;
  schedule.ramp = steps;
  return schedule;
}

Tensor rate_at(const Schedule& schedule, Tensor step) {
  Tensor rate = full_like(step, schedule.rate);
  if (schedule.kind == Schedule::Kind::inverse_root) {
    rate = rate * rsqrt(maximum(step, std::max<int64_t>(schedule.steps, 1)));
  } else if (schedule.kind == Schedule::Kind::cosine) {
    const Tensor done = minimum(step / std::max<int64_t>(schedule.steps, 1), 1);
    const Tensor share = (cosine(done * M_PI) + 1) * 0.5;
    rate = schedule.lowest + share * (schedule.rate - schedule.lowest);
  }
  if (schedule.ramp > 0) rate = rate * minimum((step + 1) / schedule.ramp, 1);
  return rate;
}

}  // namespace gshard
