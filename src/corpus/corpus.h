// A corpus: a folder with the pairs for training and for measuring, and what is known about them.
//
//   corpus/train.tsv  dev.tsv  test.tsv   rows of text_pair.h
//   corpus/corpus.json                    counts, and hashes of the three
//
// import (import.h) writes it; vocabularies and token files are made of it and stand in the same folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/clean.h"
#include "corpus/hold_out.h"
#include "corpus/text_pair.h"

namespace gshard {

// What became of the rows of one file that was imported.
struct FileCounts {
  std::string name;
  int64_t read = 0;
  int64_t kept = 0;
  DropCounts dropped;
};

// Of one pair of languages and one origin.
struct OriginCounts {
  std::string source_language;
  std::string target_language;
  std::string origin;
  std::array<int64_t, kParts.size()> pairs{};  // by Part
  int64_t words = 0;                           // of the targets that train
};

struct CorpusSummary {
  std::array<std::string, kParts.size()> sha256;  // by Part, of the files
  std::vector<FileCounts> files;
  std::vector<OriginCounts> origins;  // sorted by languages and origin
  HoldOutCounts held_out;
  int64_t repeats = 0;  // pairs that did not train because their target stands in others (ImportPlan::most_repeats)

  int64_t pairs(Part part) const;
  // Stands for the whole text.
  std::string sha256_of_all() const;
};

// "de-en": a direction of translation.
struct LanguagePair {
  std::string source;
  std::string target;

  std::string name() const { return source + "-" + target; }
  // "de:en", which can be taken apart again: names of languages may have a '-'.
  std::string setting() const { return source + ":" + target; }
  auto operator<=>(const LanguagePair&) const = default;
};
inline LanguagePair direction_of(const TextPair& pair) { return {pair.source_language, pair.target_language}; }
// Of the text of setting(); nothing where it is not two names of languages.
std::optional<LanguagePair> parse_direction(std::string_view setting);

struct DirectionCounts {
  LanguagePair direction;
  std::array<int64_t, kParts.size()> pairs{};
  int64_t words = 0;
};
// Over all origins, those with most training pairs first.
std::vector<DirectionCounts> directions_of(const CorpusSummary& summary);
// The target languages, sorted.
std::vector<std::string> targets_of(const CorpusSummary& summary);
// Directions that train and have nothing in `part` to measure them by.
std::vector<std::string> without_rows(const CorpusSummary& summary, Part part);

// "corpus/train.tsv".
std::string part_path(const std::string& folder, Part part);

// Throws Error(program) where the folder is no corpus, or its description cannot be read.
CorpusSummary read_corpus(const std::string& folder);
// Writes corpus.json.
void write_corpus_summary(const std::string& folder, const CorpusSummary& summary);
// Removes corpus.json, so that a folder that is only half replaced is no corpus.
void withdraw_corpus_summary(const std::string& folder);

}  // namespace gshard
