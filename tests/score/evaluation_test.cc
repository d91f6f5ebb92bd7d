#include "score/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/sha256.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;

const char* const kSentences[] = {"the house is large and old today", "a dog sleeps under the green tree",
                                  "nobody knows where the road goes", "bread and wine are on the table"};

EvaluatedRow row(const std::string& language, const std::string& target, const std::string& hypothesis) {
  return {{language, "en", "copied " + target.substr(0, 9), target, language == "de" ? "news" : "talk", ""},
          hypothesis,
          kSentences[0]};
}

// Five languages; only the first sentence stands in all of them. German is translated without a fault.
std::vector<EvaluatedRow> rows() {
  std::vector<EvaluatedRow> rows;
  for (const char* const language : {"de", "fr", "it", "pl", "sv"}) {
    const bool perfect = language == std::string("de");
    rows.push_back(row(language, kSentences[0], perfect ? kSentences[0] : "the house is old and large"));
    rows.push_back(row(language, perfect ? kSentences[1] : kSentences[2],
                       perfect ? kSentences[1] : "nobody knows where the road is"));
  }
  rows.push_back(row("de", kSentences[3], kSentences[3]));
  return rows;
}

TEST(Evaluation, ScoresGroupsOfRowsBesideBaselines) {
  const Evaluation evaluation(rows());
  const std::vector<RowGroup> directions = evaluation.directions();
  ASSERT_EQ(directions.size(), 5);
  EXPECT_EQ(directions[0].name, "de-en");
  EXPECT_THAT(directions[0].rows, ElementsAre(0, 1, 10));
  const GroupScores german = evaluation.score(directions[0]);
  EXPECT_EQ(german.rows, 3);
  EXPECT_EQ(german.sentences, 3);
  EXPECT_DOUBLE_EQ(german.bleu[0].score, 100);
  EXPECT_DOUBLE_EQ(german.chrf[0].interval.low, 100);
  BleuCounts nearest;
  ChrfCounts copied;
  for (const size_t i : directions[0].rows) {
    nearest.add(bleu_counts(evaluation.rows()[i].nearest, evaluation.rows()[i].pair.target));
    copied.add(chrf_counts(evaluation.rows()[i].pair.source, evaluation.rows()[i].pair.target));
  }
  EXPECT_DOUBLE_EQ(german.bleu[2].score, bleu(nearest));
  EXPECT_DOUBLE_EQ(german.bleu_over_nearest.score, 100 - bleu(nearest));
  EXPECT_DOUBLE_EQ(german.chrf_over_copy.score, 100 - chrf(copied));
  EXPECT_LT(german.bleu_over_nearest.interval.low, german.bleu_over_nearest.interval.high);
  EXPECT_EQ(evaluation.origins()[0].name, "news");
  EXPECT_EQ(evaluation.origins()[1].rows.size(), 8);
}

TEST(Evaluation, SystemsAreResampledTogether) {
  // Sentences of very unlike lengths and scores, of which the model's answers are the neighbour's.
  std::vector<EvaluatedRow> same;
  for (const char* const sentence : kSentences) same.push_back(row("de", sentence, kSentences[0]));
  const GroupScores none = Evaluation(same).score(Evaluation(same).directions()[0]);
  EXPECT_LT(none.bleu[0].interval.low, none.bleu[0].interval.high);
  EXPECT_EQ(none.bleu_over_nearest.score, 0);
  EXPECT_EQ(none.bleu_over_nearest.interval.low, 0);
  EXPECT_EQ(none.bleu_over_nearest.interval.high, 0);
}

TEST(Evaluation, TheHashIsOfTheRowsAsTheyStandInACorpus) {
  const Evaluation evaluation(rows());
  Sha256 german;
  for (const size_t i : {0, 1, 10}) german.add(row_of(evaluation.rows()[i].pair));
  EXPECT_EQ(evaluation.score(evaluation.directions()[0]).sha256, to_hex(german.digest()));
  EXPECT_NE(evaluation.score(evaluation.directions()[1]).sha256, evaluation.score(evaluation.directions()[2]).sha256);
}

TEST(Evaluation, TheAverageIsThatOfTheGroups) {
  const Evaluation evaluation(rows());
  double bleus = 0;
  for (const RowGroup& group : evaluation.directions()) bleus += evaluation.score(group).bleu[0].score;
  const GroupScores average = evaluation.average("mean", evaluation.directions());
  EXPECT_DOUBLE_EQ(average.bleu[0].score, bleus / 5);
  EXPECT_EQ(average.rows, 11);
  EXPECT_EQ(average.sentences, 4);
}

TEST(Evaluation, ThirdsAreComparedOnSharedSentences) {
  const Evaluation evaluation(rows());
  const std::optional<Thirds> thirds =
      evaluation.thirds({{"de-en", 5}, {"fr-en", 100}, {"it-en", 40}, {"pl-en", 50}, {"sv-en", 90}});
  ASSERT_TRUE(thirds);
  EXPECT_EQ(thirds->least_directions, 5);
  for (const GroupScores& third : thirds->scores) EXPECT_EQ(third.sentences, 1);
  EXPECT_EQ(thirds->scores[0].rows, 1);  // French
  EXPECT_EQ(thirds->scores[1].rows, 2);
  EXPECT_EQ(thirds->scores[2].rows, 2);  // Italian and German
  EXPECT_GT(thirds->scores[2].bleu[0].score, thirds->scores[0].bleu[0].score);
  std::vector<EvaluatedRow> few = rows();
  few.erase(few.begin() + 4, few.end());
  EXPECT_FALSE(Evaluation(few).thirds({}));
}

}  // namespace
}  // namespace gshard
