// Making the token files of a corpus from its text and its vocabulary.
#pragma once

#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/progress.h"
#include "corpus/vocabulary.h"

namespace gshard {

struct BuiltPart {
  Part part;
  int64_t pairs = 0;
  int64_t source_tokens = 0;
  int64_t target_tokens = 0;
  int64_t byte_tokens = 0;  // spelt in bytes because there is no piece
};

struct BuildPlan {
  int threads = 2;
  // Where the vocabulary stands; of the corpus's own it is checked that it was made of this text.
  std::string vocabulary_folder;
};

// Writes FOLDER/train.tokens, dev.tokens and test.tokens (token_file.h). Memory does not grow with the text. Throws
// Error(program) where the folder is no corpus or its text is not what corpus.json says, and Error(usage) where its
// vocabulary was made of another one.
std::vector<BuiltPart> build_tokens(const std::string& folder, const BuildPlan& plan, const Progress& progress);

}  // namespace gshard
