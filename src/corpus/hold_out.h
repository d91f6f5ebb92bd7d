// Which pairs are kept out of training to measure it by, so that nothing that is measured was seen in training.
//
//   HoldOut split(plan);
//   for (pair : pairs) split.note(pair);
//   for (pair : pairs) if (split.place(pair) == Part::train) train.push_back(pair);
//   HeldOut held = split.finish();   // held.dev, held.test
//
// What decides is a sentence's key: its words in the target language with case folded, without digits, punctuation and
// placeholders. Whole documents are held out where pairs name one, else single sentences, both by a hash, so that the
// same sentences are held out of the next version of a text and out of every language. A pair with a key that is held
// out never trains, in any language, nor does one that has it as its source, in text that goes in both directions. Of
// what is held out these are dropped: sentences most of whose 4-grams stand in one or another training sentence, those
// one word away from a training sentence (put in, left out or replaced), those whose source trains, and what is shorter
// or longer than the limits. Of a test set that is given nothing is dropped; what has one of its sources never trains.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "corpus/clean.h"
#include "corpus/text_pair.h"

namespace gshard {

enum class Part : uint8_t { train, dev, test };
inline constexpr std::array<Part, 3> kParts = {Part::train, Part::dev, Part::test};
// "train".
std::string_view name_of(Part part);

struct HoldOutShare {
  int test_per_mille = 10;  // of the documents or sentences
  int dev_per_mille = 10;
  std::set<std::string> test_documents{};  // held out whatever their hash says
  std::set<std::string> dev_documents{};
};

struct HoldOutPlan {
  HoldOutShare share{};
  std::map<std::string, HoldOutShare> by_origin{};  // in place of `share`
  int64_t most_rows = 200;                          // of each part and pair of languages
  int64_t least_words = 6;                          // of a key
  int64_t most_words = 60;
  double most_overlap = 0.7;  // of a sentence's 4-grams with those of training
};

struct HoldOutCounts {
  int64_t removed = 0;      // training pairs whose sentence is held out
  int64_t wrong_size = 0;   // held out, then dropped: too long
  int64_t overlapping = 0;  // 4-grams
  int64_t one_word_away = 0;
  int64_t source_trains = 0;
  int64_t repeated = 0;  // one reference per sentence and language
  int64_t surplus = 0;   // beyond most_rows
};

struct HeldOut {
  std::vector<TextPair> dev;
  std::vector<TextPair> test;
  HoldOutCounts counts;
};

// The words of a sentence's key; each letter is a word in scripts without spaces.
std::vector<std::string> key_of(std::string_view sentence);

class HoldOut {
 public:
  explicit HoldOut(HoldOutPlan plan) : plan_(std::move(plan)) {}

  // First every pair is noted, then every pair placed, in the same order. `given` is where a pair belongs whatever its
  // hash says: a test set of one's own.
  void note(const TextPair& pair, std::optional<Part> given);
  // Nothing for a pair that must not train and is not held out itself.
  std::optional<Part> place(const TextPair& pair, std::optional<Part> given);
  HeldOut finish();

 private:
  struct Candidate {
    TextPair pair;
    uint64_t key = 0;
    bool given = false;
  };
  struct Sentence {
    std::vector<std::string> words;
    Part part = Part::train;
    bool is_given = false;  // it stands in a set of the user's own, which its hash does not change
    bool is_near = false;   // one word away from a training sentence
  };

  Part part_of(const TextPair& pair, const std::vector<std::string>& words, uint64_t key) const;
  void prepare();
  bool gives_away(const TextPair& pair) const;
  void mark_trained(const TextPair& pair, const std::vector<std::string>& words, uint64_t key);
  void mark_source(uint64_t source);
  void mark_sentence(const std::vector<std::string>& words, uint64_t key);
  void mark_near(const std::vector<std::string>& words);
  double overlap_of(const std::vector<std::string>& words) const;
  int64_t* reason_to_drop(const Candidate& candidate, HoldOutCounts& counts);
  std::vector<TextPair> choose(std::vector<Candidate> candidates, HoldOutCounts& counts);

  HoldOutPlan plan_;
  std::unordered_map<uint64_t, Sentence> held_;  // by key
  std::set<std::string> source_languages_;       // of what is held out
  std::set<std::string> target_languages_;
  FingerprintSet held_sources_;
  FingerprintSet given_sources_;
  FingerprintSet trained_sources_;
  FingerprintSet wanted_grams_;
  FingerprintSet trained_grams_;
  std::unordered_map<uint64_t, std::vector<uint64_t>> edits_;  // forms of held sentences, to their keys
  FingerprintSet trained_keys_;
  std::array<std::vector<Candidate>, kParts.size()> candidates_;
  HoldOutCounts counts_;
  bool prepared_ = false;
};

}  // namespace gshard
