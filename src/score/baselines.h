// What a model must be better than, on each row of dev or test: the source itself, and the translation of the most
// similar source that trains.
//
//   std::vector<BaselineRow> rows = held_out_rows("corpus", Part::test);
//   answer_nearest(rows, "corpus", progress);
//   for (const BaselineRow& row : rows) score(row.nearest, row.pair.target);
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

// In the order of the part's file, without answers. Throws Error(program) where the folder is no corpus or the part has
// no rows.
std::vector<BaselineRow> held_out_rows(const std::string& folder, Part part);
// Fills in the nearest translations. Holds the training text of one direction at a time.
void answer_nearest(std::vector<BaselineRow>& rows, const std::string& folder, const Progress& progress);

}  // namespace gshard
