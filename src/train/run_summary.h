// A training run in some lines of text, for the terminal: the curve of the loss, the balance of the experts, dev
// scores.
//
//   put(run_summary(read_metrics("run/metrics.jsonl")));
#pragma once

#include <string>

#include "train/metrics_file.h"

namespace gshard {

std::string run_summary(const Metrics& metrics);

}  // namespace gshard
