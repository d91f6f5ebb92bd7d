#include "train/weight_counts.h"

namespace gshard {

WeightCounts count_weights(const std::vector<Parameter>& parameters, const GatingOptions& gating) {
  WeightCounts counts;
  for (const Parameter& parameter : parameters) {
    if (parameter.role != Role::weight) continue;
    const auto numbers = static_cast<double>(parameter.shape.element_count());
    const bool of_experts = !parameter.axes.empty() && parameter.axes[0] == "expert";
    counts.all += numbers;
    counts.active +=
        of_experts ? numbers * static_cast<double>(gating.choices) / static_cast<double>(gating.experts) : numbers;
  }
  return counts;
}

}  // namespace gshard
