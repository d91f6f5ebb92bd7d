#include "train/alarms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gshard {
namespace {

// In the beginning experts are chosen by noise.
constexpr int64_t kExpertsSettle = 200;
// Of an even load, below which an expert is idle; and the share of experts that may be.
constexpr double kIdle = 0.2;
constexpr double kIdleExperts = 0.5;
// The loss is to be so far above its lowest: in nats, and as a share.
constexpr double kRise = 0.3;
constexpr double kRelativeRise = 0.1;
constexpr double kSkipped = 0.1;
constexpr double kWaiting = 0.2;

bool is_idle(double load, size_t experts) { return load * static_cast<double>(experts) < kIdle; }

// Of the first layer of which half of the experts or more are idle.
std::string collapse(const StepRecord& mean) {
  if (mean.step < kExpertsSettle) return "";
  for (const ExpertRecord& e : mean.experts) {
    const auto idle =
        std::count_if(e.loads.begin(), e.loads.end(), [&](double x) { return is_idle(x, e.loads.size()); });
    const auto experts = static_cast<int64_t>(e.loads.size());
    if (experts < 2 || static_cast<double>(idle) < kIdleExperts * static_cast<double>(experts)) continue;
    return fmt::format(
        "experts collapse: in {} {} of {} get hardly any token; a larger weight of the balance loss or a lower "
        "learning rate may help",
        e.layer, idle, experts);
  }
  return "";
}

std::string divergence(const StepRecord& mean, const StepRecord& best) {
  if (!(mean.loss > best.loss + std::max(kRise, kRelativeRise * std::abs(best.loss)))) return "";
  return fmt::format(
      "the loss diverges: {:.2f} over the last {} steps, {:.2f} at its best, at step {}; a lower learning "
      "rate or a longer warm-up may help",
      mean.loss, mean.steps, best.loss, best.step);
}

std::string not_finite(const StepRecord& mean) {
  if (static_cast<double>(mean.skipped) < kSkipped * static_cast<double>(mean.steps)) return "";
  return fmt::format(
      "the gradients of {} of the last {} steps were not finite, so these changed nothing; a lower "
      "learning rate may help",
      mean.skipped, mean.steps);
}

std::string starvation(const StepRecord& mean) {
  if (!(mean.waiting_milliseconds > kWaiting * mean.milliseconds)) return "";
  return fmt::format(
      "the input is the bottleneck: {:.0f}% of a step is spent waiting for the next batch; is the disk "
      "slow, or are the cores taken by something else?",
      100 * mean.waiting_milliseconds / mean.milliseconds);
}

}  // namespace

std::vector<std::string> Alarms::add(const StepRecord& record) {
  window_.push_back(record);
  const int64_t steps = std::accumulate(window_.begin(), window_.end(), int64_t{0},
                                        [](int64_t sum, const StepRecord& r) { return sum + r.steps; });
  if (steps < kAlarmWindow) return {};
  const StepRecord mean = mean_of(window_);
  window_.clear();
  const std::array<std::string, 4> texts = {divergence(mean, best_), not_finite(mean), collapse(mean),
                                            starvation(mean)};
  if (std::isnan(best_.loss) || mean.loss < best_.loss) best_ = mean;
  std::vector<std::string> said;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i].empty() && !sounding_[i]) said.push_back(texts[i]);
    sounding_[i] = !texts[i].empty();
  }
  return said;
}

}  // namespace gshard
