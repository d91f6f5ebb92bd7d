// How many weights a model has, and how many of them work on a token.
#pragma once

#include <vector>

#include "model/gating.h"

namespace gshard {

struct WeightCounts {
  double all = 0;
  double active = 0;  // of experts, as many as a token goes to
};

WeightCounts count_weights(const std::vector<Parameter>& parameters, const GatingOptions& gating);

}  // namespace gshard
