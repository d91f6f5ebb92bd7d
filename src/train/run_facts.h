// What is worth saying about a whole run, for its report and its summary.
#pragma once

#include <vector>

#include "train/metrics_file.h"

namespace gshard {

struct RunFacts {
  std::string name;           // of the run's folder
  int64_t steps = 0;          // done
  double seconds = 0;         // of training
  int64_t source_tokens = 0;  // trained on
  int64_t target_tokens = 0;
  int64_t resumptions = 0;
  StepRecord late;             // the mean of the last tenth of the run
  EvaluationRecord best = {};  // the evaluation with the lowest loss; step 0 where none has a finite one
  // What was last said of each, those with most training pairs first.
  std::vector<LanguageRecord> languages;
};

RunFacts facts_of(const Metrics& metrics);

}  // namespace gshard
