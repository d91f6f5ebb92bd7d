// Learning the vocabularies of a corpus from its training text.
//
//   make_vocabularies("corpus", {.source_size = 8000, .target_size = 8000}, progress);
//
// SentencePiece's unigram model with byte fallback, on lines sampled over directions with p proportional to
// n^(1/temperature), so that small languages have pieces too. The same corpus and plan make the same vocabulary.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/progress.h"
#include "corpus/vocabulary.h"

namespace gshard {

struct VocabularyPlan {
  int32_t source_size = 32000;
  int32_t target_size = 32000;  // of no meaning where they are shared
  bool shared = true;
  bool tags_source = false;
  int64_t lines = 750'000;
  double temperature = 5;
  double coverage = 0.9995;  // of characters; the others are spelt in bytes
  uint64_t seed = 0;
  int threads = 2;
};

// How many lines each direction gives: p proportional to n^(1/temperature), none more than it has, what that leaves
// over to the others.
std::vector<int64_t> sample_sizes(const std::vector<int64_t>& available, int64_t lines, double temperature);

// Writes the models and their description to the corpus's folder. Throws Error(usage) for a size that the text is too
// small (or has too many characters) for, with the sizes that it allows.
Vocabularies make_vocabularies(const std::string& folder, const VocabularyPlan& plan, const Progress& progress);

}  // namespace gshard
