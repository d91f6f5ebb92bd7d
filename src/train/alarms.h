// Says in words what goes wrong in a training run while it can still be stopped.
//
//   for (const std::string& text : alarms.add(record)) warn(text);
//   // "the loss diverges: 6.3 over the last 50 steps, 4.8 at its best, at step 400; a lower learning rate may help"
//
// What is looked at is the mean of 50 steps. An alarm sounds once, and again only after it was over.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "train/metrics.h"

namespace gshard {

inline constexpr int64_t kAlarmWindow = 50;  // steps

// Not thread-safe.
class Alarms {
 public:
  // The record of the next step; what there is to say after it, mostly nothing.
  std::vector<std::string> add(const StepRecord& record);

 private:
  std::vector<StepRecord> window_;
  StepRecord best_;  // the mean of the window with the lowest loss
  std::array<bool, 4> sounding_{};
};

}  // namespace gshard
