// What a model must be better than, on each row of dev or test: the source itself, and the translation of the most
// similar source that trains.
//
//   for (const BaselineRow& row : baselines("corpus", Part::test, progress)) score(row.nearest, row.pair.target);
#pragma once

#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/progress.h"

namespace gshard {

struct BaselineRow {
  TextPair pair;
  std::string nearest;  // empty where no training source shares anything with the row's
};

// In the order of the part's file. Holds the training text of one direction at a time. Throws Error(program) where the
// folder is no corpus or the part has no rows.
std::vector<BaselineRow> baselines(const std::string& folder, Part part, const Progress& progress);

}  // namespace gshard
