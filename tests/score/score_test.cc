// Scores: as sacrebleu's, to the last digits that it prints; intervals; the nearest neighbour.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/split.h"
#include "corpus/text_lines.h"
#include "score/bleu.h"
#include "score/bootstrap.h"
#include "score/chrf.h"
#include "score/nearest_neighbour.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;

struct Golden {
  std::string hypothesis;
  std::string reference;
  double bleu;
  double chrf;
};

std::string unescaped(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\';
    if (escape) ++i;
    result += escape && text[i] == 't' ? '\t' : text[i];
  }
  return result;
}

// tests/peers/golden_scores.py wrote it; the last row is all of them as one corpus.
std::vector<Golden> goldens() {
  std::vector<Golden> cases;
  TextLines lines(GSHARD_TEST_DIR "/golden/scores.tsv");
  for (std::string line; lines.next(line);) {
    const std::vector<std::string> columns = split(line, '\t');
    cases.push_back({unescaped(columns[0]), unescaped(columns[1]), std::stod(columns[2]), std::stod(columns[3])});
  }
  return cases;
}

TEST(Scores, OfSentencesAreSacrebleus) {
  std::vector<Golden> cases = goldens();
  cases.pop_back();
  EXPECT_GT(cases.size(), 80U);
  for (const Golden& c : cases) {
    EXPECT_NEAR(bleu(bleu_counts(c.hypothesis, c.reference)), c.bleu, 1e-7) << c.hypothesis << " | " << c.reference;
    EXPECT_NEAR(chrf(chrf_counts(c.hypothesis, c.reference)), c.chrf, 1e-7) << c.hypothesis << " | " << c.reference;
  }
}

TEST(Scores, OfACorpusAreSacrebleus) {
  std::vector<Golden> cases = goldens();
  const Golden whole = cases.back();
  cases.pop_back();
  BleuCounts bleu_sum;
  ChrfCounts chrf_sum;
  for (const Golden& c : cases) {
    bleu_sum.add(bleu_counts(c.hypothesis, c.reference));
    chrf_sum.add(chrf_counts(c.hypothesis, c.reference));
  }
  EXPECT_NEAR(bleu(bleu_sum), whole.bleu, 1e-7);
  EXPECT_NEAR(chrf(chrf_sum), whole.chrf, 1e-7);
}

TEST(Scores, OfNothingAreZero) {
  EXPECT_EQ(bleu({}), 0);
  EXPECT_EQ(chrf({}), 0);
}

TEST(Tokens13a, PunctuationStandsAloneButNotInNumbers) {
  EXPECT_THAT(tokenize_13a("It's 1,000.5 (or so), 3-4."),
              ElementsAre("It's", "1,000.5", "(", "or", "so", ")", ",", "3", "-", "4", "."));
  EXPECT_THAT(tokenize_13a("&quot;a&quot;"), ElementsAre("\"", "a", "\""));
  EXPECT_THAT(tokenize_13a(""), ElementsAre());
}

// Of 200 rows, whether they are right: five of ten are.
bool is_right(size_t row) { return row * 7 % 10 < 5; }

// The share of right rows, each counted as often as its cluster.
ScoredInterval share_of_right(const Clusters& clusters, uint64_t seed) {
  return score_with_interval(clusters, seed, [&](const std::vector<int64_t>& times) {
    double right = 0, all = 0;
    for (size_t row = 0; row < clusters.rows(); ++row) {
      const auto count = static_cast<double>(times[clusters.of_row(row)]);
      right += is_right(row) ? count : 0;
      all += count;
    }
    return right / all;
  });
}

std::vector<std::string> keys(size_t count, size_t clusters) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back(std::to_string(i % clusters));
  return names;
}

TEST(Bootstrap, TheIntervalHoldsTheScoreAndIsReproducible) {
  const Clusters clusters(keys(200, 200));
  const ScoredInterval scored = share_of_right(clusters, 1);
  EXPECT_EQ(scored.score, 0.5);
  EXPECT_LT(scored.interval.low, scored.score);
  EXPECT_GT(scored.interval.high, scored.score);
  const ScoredInterval again = share_of_right(clusters, 1);
  EXPECT_EQ(scored.interval.low, again.interval.low);
  EXPECT_NE(clusters.draw(1, 0), clusters.draw(2, 0));
}

TEST(Bootstrap, TheIntervalOfAShareIsTheBinomials) {
  // 95 % of resamples of 200 rows lie within 1.96 standard deviations.
  const Interval interval = share_of_right(Clusters(keys(200, 200)), 1).interval;
  EXPECT_NEAR(interval.high - interval.low, 2 * 1.96 * std::sqrt(0.25 / 200), 0.02);
}

TEST(Bootstrap, RowsOfACommonSentenceWidenIt) {
  const Clusters apart(keys(200, 200));
  const Clusters together(keys(200, 20));
  EXPECT_EQ(together.size(), 20U);
  const auto width = [](const ScoredInterval& s) { return s.interval.high - s.interval.low; };
  EXPECT_GT(width(share_of_right(together, 1)), 1.5 * width(share_of_right(apart, 1)));
}

TEST(NearestNeighbour, FindsTheMostSimilarSentence) {
  NearestNeighbour memory("de");
  for (const char* text : {"Guten Morgen, liebe Leute", "Die Datei wurde gespeichert", "Die Datei wurde gelöscht",
                           "Der Drucker ist nicht bereit"}) {
    memory.add(text);
  }
  memory.finish();
  EXPECT_EQ(memory.find("die DATEI ist gelöscht"), 2);
  EXPECT_EQ(memory.find("Der Drucker druckt"), 3);
  EXPECT_EQ(memory.find("xyzxyz"), std::nullopt);
  EXPECT_EQ(memory.find(""), std::nullopt);
}

TEST(NearestNeighbour, ShortGramsServeLanguagesWithoutSpaces) {
  NearestNeighbour memory("ja");
  memory.add("ファイルを開く");
  memory.add("印刷する");
  memory.finish();
  EXPECT_EQ(memory.find("印刷する前"), 1);
}

TEST(NearestNeighbour, TheGramsOfALanguageAreThoseOfItsVariants) {
  for (const char* language : {"zh", "zh_TW", "zh-CN", "zh-Hans"}) {
    NearestNeighbour memory(language);
    for (const char* text : {"打开文件", "关闭窗口", "保存图像"}) memory.add(text);
    memory.finish();
    EXPECT_EQ(memory.find("新的窗口吗"), std::nullopt) << language;
    EXPECT_EQ(memory.find("请关闭窗"), 1) << language << ": three characters in common";
  }
}

}  // namespace
}  // namespace gshard
