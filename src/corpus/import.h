// Making a corpus of raw text: read, clean, hold out, write.
//
//   import_corpus({.folder = "corpus", .inputs = {{.path = "mine.tsv.gz"}}}, progress);
//
// What is in memory grows with the number of different sentences (16 to 64 bytes each), not with the text. The files of
// the corpus take their places only when all of them are whole.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "corpus/clean.h"
#include "corpus/corpus.h"
#include "corpus/hold_out.h"
#include "corpus/progress.h"

namespace gshard {

// A TSV file (text_pair.h), or two plain files whose lines belong together.
struct ImportInput {
  std::string path;
  std::string target_path;   // empty: `path` is TSV
  LanguagePair direction;    // of plain files
  std::optional<Part> part;  // where all of its rows belong; else some are held out by a hash
};

struct ImportPlan {
  std::string folder;
  std::vector<ImportInput> inputs;
  CleaningLimits cleaning;
  HoldOutPlan hold_out;
  int64_t most_repeats = 0;  // of the training pairs of one target sentence, those that are kept (RepeatLimit); 0: all
};

// Throws Error(program) for a file that cannot be read, that is empty, plain files of unlike length, a file of which
// more than one line in a hundred is malformed (it names the first), and where no row is left to train on.
CorpusSummary import_corpus(const ImportPlan& plan, const Progress& progress);

}  // namespace gshard
