#include "decode/beam_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/vocabulary.h"

namespace gshard {
namespace {

using testing::ElementsAre;

struct Next {
  std::vector<int32_t> tokens;
  std::vector<double> logs;
  double end;
};

void advance(BeamSearch& search, const std::vector<Next>& all) {
  std::vector<NextTokens> next;
  for (const Next& one : all) next.push_back({one.tokens, one.logs, one.end});
  search.advance(next);
}

std::vector<int32_t> tokens_of(const BeamSearch& search, size_t beam) {
  std::vector<int32_t> tokens(beam, -1);
  search.put_tokens(tokens);
  return tokens;
}

std::vector<uint8_t> seen_of(const BeamSearch& search, size_t beam, size_t steps) {
  std::vector<uint8_t> seen(beam * beam * steps);
  search.mark_seen(seen, static_cast<int64_t>(beam * steps));
  return seen;
}

TEST(BeamSearch, TextsSeeTheirOwnTokensAlone) {
  BeamSearch search({.beam = 2}, 10);
  EXPECT_THAT(tokens_of(search, 2), ElementsAre(kBegin, kPadding));
  EXPECT_THAT(seen_of(search, 2, 3), ElementsAre(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  advance(search, {{{7, 8}, {-1, -2}, -9}});
  EXPECT_THAT(tokens_of(search, 2), ElementsAre(7, 8));
  EXPECT_THAT(seen_of(search, 2, 3), ElementsAre(1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0));
  // Both go on from the second.
  advance(search, {{{4, 5}, {-9, -9.5}, -9}, {{5, 6}, {-0.5, -1}, -9}});
  EXPECT_THAT(tokens_of(search, 2), ElementsAre(5, 6));
  EXPECT_THAT(seen_of(search, 2, 3), ElementsAre(1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1));
}

TEST(BeamSearch, EqualCandidatesComeInTheOrderOfTextsAndTokens) {
  BeamSearch search({.beam = 2}, 10);
  advance(search, {{{9, 8}, {-1, -1}, -9}});
  EXPECT_THAT(tokens_of(search, 2), ElementsAre(8, 9));
  advance(search, {{{6, 7}, {-1, -1}, -9}, {{4, 5}, {-1, -1}, -9}});
  EXPECT_THAT(tokens_of(search, 2), ElementsAre(6, 7));
}

TEST(BeamSearch, LongerTextsAreComparedByTheirNormalizedScores) {
  BeamSearch search({.beam = 2, .alpha = 1}, 10);
  advance(search, {{{7, 8}, {-1.5, -2}, -1}});  // it ends at once with -1: -1 / (6/6)
  EXPECT_FALSE(search.is_done());
  advance(search, {{{4, 5}, {-9, -9}, -0.06}, {{4, 5}, {-9, -9}, -9}});  // -1.56 / (7/6)
  EXPECT_TRUE(search.is_done());
  const std::vector<Hypothesis> best = search.best();
  ASSERT_EQ(best.size(), 2);
  EXPECT_THAT(best[0].tokens, ElementsAre());
  EXPECT_DOUBLE_EQ(best[0].score, -1);
  EXPECT_THAT(best[1].tokens, ElementsAre(7));
  EXPECT_DOUBLE_EQ(best[1].score, -1.56 * 6 / 7);
  EXPECT_THAT(tokens_of(search, 2), ElementsAre(kPadding, kPadding));
}

TEST(BeamSearch, TextsOfTheGreatestLengthEnd) {
  BeamSearch search({.beam = 2}, 1);
  advance(search, {{{7, 8}, {-1, -2}, -20}});
  EXPECT_FALSE(search.is_done());
  advance(search, {{{4, 5}, {-1, -1}, -20}, {{4, 5}, {-1, -1}, -10}});
  EXPECT_TRUE(search.is_done());
  ASSERT_EQ(search.best().size(), 2);
  EXPECT_THAT(search.best()[0].tokens, ElementsAre(8));
  EXPECT_THAT(search.best()[1].tokens, ElementsAre(7));
  EXPECT_TRUE(search.best()[0].is_cut);
}

TEST(BeamSearch, ATextIsCutWhereItWouldHaveGoneOn) {
  BeamSearch search({.beam = 2}, 1);
  advance(search, {{{7, 8}, {-2, -3}, -1}});  // it ends at once, with room for more
  advance(search, {{{4, 5}, {-5, -6}, -0.1}, {{4, 5}, {-0.1, -6}, -2}});
  ASSERT_TRUE(search.is_done());
  const std::vector<Hypothesis> best = search.best();
  ASSERT_EQ(best.size(), 2);
  EXPECT_THAT(best[0].tokens, ElementsAre());
  EXPECT_FALSE(best[0].is_cut);
  EXPECT_THAT(best[1].tokens, ElementsAre(7));
  EXPECT_FALSE(best[1].is_cut) << "of the greatest length, and done";
}

TEST(BeamSearch, ASmallVocabularyLeavesFewerTexts) {
  BeamSearch search({.beam = 4}, 3);
  advance(search, {{{4}, {-0.1}, -3}});  // the end is the second of all candidates
  EXPECT_FALSE(search.is_done());
  EXPECT_THAT(tokens_of(search, 4), ElementsAre(4, kPadding, kPadding, kPadding));
}

}  // namespace
}  // namespace gshard
