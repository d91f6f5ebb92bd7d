// report.html: a training run on one page that needs nothing but itself.
//
//   write_report("run");      // reads run/metrics.jsonl, writes run/report.html
//
// Curves of the loss in training and on dev, dev BLEU by language with the most data first, the load of the experts by
// layer, speed, learning rate, what alarms said, and the config. The page has no scripts, follows the reader's choice
// of light or dark, and stays small however long the run was.
#pragma once

#include <string>

#include "train/metrics_file.h"

namespace gshard {

std::string run_report(const Metrics& metrics);

// Returns the page's path. Throws Error(program) where the folder has no metrics or cannot be written.
std::string write_report(const std::string& folder);

}  // namespace gshard
