// Holding out: nothing that is measured was seen in training.
#include "corpus/hold_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "corpus/unicode.h"
#include "small_corpus.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;

TextPair pair_of(const std::string& language, const std::string& source, const std::string& target,
                 const std::string& document = "") {
  return {language, "en", source, target, "o", document};
}

struct Split {
  std::vector<TextPair> train;
  HeldOut held;
};

Split split_of(const std::vector<TextPair>& pairs, const HoldOutPlan& plan) {
  HoldOut split(plan);
  for (const TextPair& pair : pairs) split.note(pair, std::nullopt);
  Split result;
  for (const TextPair& pair : pairs) {
    if (split.place(pair, std::nullopt) == Part::train) result.train.push_back(pair);
  }
  result.held = split.finish();
  return result;
}

// All of the document "test" is held out, and nothing else.
HoldOutPlan of_documents() { return {.share = {0, 0, {"test"}, {"dev"}}}; }

std::vector<TextPair> made_up_pairs(int count) {
  std::vector<TextPair> pairs;
  std::string line;
  for (const char c : made_up_rows(count)) {
    if (c != '\n') {
      line += c;
      continue;
    }
    pairs.push_back(*parse_row(line));
    line.clear();
  }
  return pairs;
}

TEST(Key, IsWordsWithoutCaseNumbersAndPlaceholders) {
  EXPECT_THAT(key_of("Open {file} %1 in the Web-Browser, 2 times!"),
              ElementsAre("open", "in", "the", "web", "browser", "times"));
  EXPECT_THAT(key_of("{unclosed x"), ElementsAre("unclosed", "x"));
  EXPECT_THAT(key_of("開くÄhm"), ElementsAre("開", "く", "ähm"));
  EXPECT_THAT(key_of("12 %"), ElementsAre());
}

TEST(HoldOut, NoHeldOutSentenceTrainsInAnyLanguage) {
  const std::vector<TextPair> pairs = made_up_pairs(4000);
  const Split split = split_of(pairs, {.share = {50, 50, {}, {}}, .most_overlap = 2});
  std::set<std::vector<std::string>> trained, dev;
  for (const TextPair& pair : split.train) trained.insert(key_of(pair.target));
  for (const TextPair& pair : split.held.dev) dev.insert(key_of(pair.target));
  EXPECT_GT(split.held.dev.size(), 50U);
  EXPECT_GT(split.held.test.size(), 50U);
  for (const auto& key : dev) EXPECT_FALSE(trained.contains(key));
  for (const TextPair& pair : split.held.test) {
    EXPECT_FALSE(trained.contains(key_of(pair.target)));
    EXPECT_FALSE(dev.contains(key_of(pair.target)));
  }
}

TEST(HoldOut, TheOrderOfRowsAndOtherRowsChangeNothing) {
  std::vector<TextPair> pairs = made_up_pairs(3000);
  const HoldOutPlan plan{.share = {50, 50, {}, {}}, .most_rows = 1000, .most_overlap = 2};
  const auto tests_of = [&](const std::vector<TextPair>& some) {
    std::set<std::string> rows;
    for (const TextPair& pair : split_of(some, plan).held.test) rows.insert(row_of(pair));
    return rows;
  };
  const std::set<std::string> whole = tests_of(pairs);
  std::reverse(pairs.begin(), pairs.end());
  EXPECT_EQ(tests_of(pairs), whole);
  pairs.resize(1500);
  for (const std::string& row : tests_of(pairs)) EXPECT_TRUE(whole.contains(row));
}

TEST(HoldOut, ASentenceOfAHeldOutDocumentLeavesTraining) {
  const std::string sentence = "one two three four five six";
  const Split split = split_of({pair_of("de", "a b", sentence, "test"), pair_of("fr", "c d", sentence, "other"),
                                pair_of("fr", "e f", "seven eight nine ten eleven twelve", "other")},
                               of_documents());
  ASSERT_EQ(split.held.test.size(), 1U);
  EXPECT_EQ(split.held.test[0].source_language, "de");
  EXPECT_EQ(split.train.size(), 1U);
  EXPECT_EQ(split.held.counts.removed, 1);
}

TEST(HoldOut, ShortSentencesTrain) {
  const Split split = split_of({pair_of("de", "a b", "one two three", "test")}, of_documents());
  EXPECT_EQ(split.train.size(), 1U);
}

struct Near {
  const char* trained;
  int64_t HoldOutCounts::*reason;
};

class EveryNearSentence : public testing::TestWithParam<Near> {};

TEST_P(EveryNearSentence, IsNotMeasured) {
  const Split split = split_of({pair_of("de", "a b", "one two three four five six seven eight", "test"),
                                pair_of("de", "c d", GetParam().trained, "train")},
                               of_documents());
  EXPECT_EQ(split.held.test.size(), GetParam().reason == nullptr ? 1U : 0U);
  if (GetParam().reason != nullptr) {
    EXPECT_EQ(split.held.counts.*GetParam().reason, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(
    HoldOut, EveryNearSentence,
    testing::Values(Near{"one two three NEW five six seven eight", &HoldOutCounts::one_word_away},
                    Near{"one two three five six seven eight", &HoldOutCounts::one_word_away},
                    Near{"one two three four five new six seven eight", &HoldOutCounts::one_word_away},
                    Near{"one two three new five new seven eight", nullptr},
                    Near{"a b c one two three four five six seven d e", &HoldOutCounts::overlapping},
                    Near{"two one four three six five eight seven", nullptr}));

TEST(HoldOut, WhatTrainedAsASourceIsNotMeasured) {
  const Split split = split_of({pair_of("de", "Eins zwei", "one two three four five six", "test"),
                                pair_of("de", "eins zwei", "now something else is said here", "train")},
                               of_documents());
  EXPECT_EQ(split.held.test.size(), 0U);
  EXPECT_EQ(split.held.counts.source_trains, 1);
}

TEST(HoldOut, LanguagesShareTheSentencesThatAreChosen) {
  std::vector<TextPair> pairs;
  for (const TextPair& pair : made_up_pairs(200)) {
    for (const char* language : {"de", "fr"})
      pairs.push_back(pair_of(language, language + pair.source, pair.target, "test"));
  }
  const Split split = split_of(pairs, {.share = {0, 0, {"test"}, {}}, .most_rows = 10});
  ASSERT_EQ(split.held.test.size(), 20U);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(split.held.test[i].target, split.held.test[i + 10].target);
}

TEST(HoldOut, AGivenTestSetStaysWholeAndLeavesTraining) {
  HoldOut split({.share = {0, 0, {}, {}}});
  const TextPair given = pair_of("de", "a b", "short one");
  const TextPair same = pair_of("fr", "c d", "Short one!");
  split.note(given, Part::test);
  split.note(same, std::nullopt);
  EXPECT_EQ(split.place(given, Part::test), Part::test);
  EXPECT_EQ(split.place(same, std::nullopt), std::nullopt);
  EXPECT_EQ(split.finish().test.size(), 1U);
}

TEST(HoldOut, WhatHasTheSourceOfAGivenSetDoesNotTrain) {
  HoldOut split({.share = {0, 0, {}, {}}});
  const TextPair given = pair_of("de", "Nur kurz", "short one");
  const TextPair same = pair_of("de", "nur kurz", "another answer");
  const TextPair other = pair_of("fr", "nur kurz", "another answer");
  split.note(given, Part::test);
  split.note(same, std::nullopt);
  split.note(other, std::nullopt);
  EXPECT_EQ(split.place(given, Part::test), Part::test);
  EXPECT_EQ(split.place(same, std::nullopt), std::nullopt);
  EXPECT_EQ(split.place(other, std::nullopt), Part::train);
  EXPECT_EQ(split.finish().counts.removed, 1);
}

TEST(HoldOut, AHashTakesNothingFromAGivenSet) {
  const std::string sentence = "one two three four five six";
  const TextPair given = pair_of("de", "a b", sentence);
  const TextPair hashed = pair_of("fr", "c d", sentence, "test");
  for (const bool given_first : {true, false}) {
    HoldOut split(of_documents());
    if (given_first) split.note(given, Part::dev);
    split.note(hashed, std::nullopt);
    if (!given_first) split.note(given, Part::dev);
    EXPECT_EQ(split.place(given, Part::dev), Part::dev);
    EXPECT_EQ(split.place(hashed, std::nullopt), std::nullopt);
    EXPECT_EQ(split.finish().dev.size(), 1U);
  }
}

TextPair turned(const TextPair& pair) {
  return {pair.target_language, pair.source_language, pair.target, pair.source, pair.origin, pair.document};
}

TEST(HoldOut, InBothDirectionsNoHeldOutSentenceTrainsOnEitherSide) {
  std::vector<TextPair> pairs;
  for (const TextPair& pair : made_up_pairs(2000)) {
    pairs.push_back(pair);
    pairs.push_back(turned(pair));
  }
  const Split split = split_of(pairs, {.share = {50, 50, {}, {}}, .most_overlap = 2});
  std::set<std::string> trained;
  for (const TextPair& pair : split.train) {
    trained.insert(pair.source);
    trained.insert(pair.target);
  }
  for (const auto* part : {&split.held.dev, &split.held.test}) {
    EXPECT_GT(part->size(), 50U);
    for (const TextPair& pair : *part) {
      EXPECT_FALSE(trained.contains(pair.source)) << pair.source;
      EXPECT_FALSE(trained.contains(pair.target)) << pair.target;
    }
  }
  EXPECT_GT(split.train.size(), 2500U);
}

TEST(HoldOut, ASentenceOneWordAwayOnTheOtherSideIsSeen) {
  const TextPair held = pair_of("de", "eins", "one two three four five six", "test");
  const TextPair near = turned(pair_of("de", "zwei", "one two three four five seven"));
  const Split split = split_of({held, near}, of_documents());
  EXPECT_EQ(split.train.size(), 1U);
  EXPECT_EQ(split.held.counts.one_word_away, 1);
}

TEST(HoldOut, ASourceThatTrainedAsATargetIsNotMeasured) {
  const TextPair held = pair_of("de", "eins zwei", "one two three four five six", "test");
  const TextPair other = turned(pair_of("de", "Eins zwei", "now something else is said here"));
  const Split split = split_of({held, other}, of_documents());
  EXPECT_EQ(split.train.size(), 1U);
  EXPECT_EQ(split.held.counts.source_trains, 1);
}

}  // namespace
}  // namespace gshard
