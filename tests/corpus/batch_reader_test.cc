// Reading: every pair whole and in its place, the same order for the same seed, exact resumption, little padding.
#include "corpus/batch_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "corpus/build_tokens.h"
#include "corpus/make_vocabulary.h"
#include "scratch_folder.h"
#include "small_corpus.h"

namespace gshard {
namespace {

using ::testing::HasSubstr;

class Reading : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    import_rows(folder_->path("c"), folder_->write("rows.tsv", made_up_rows(2000)));
    make_vocabularies(folder_->path("c"), {.source_size = 340, .threads = 1}, be_silent);
    build_tokens(folder_->path("c"), {.threads = 2, .vocabulary_folder = ""}, be_silent);
    tokens_ = new TokenFile(token_path(folder_->path("c"), Part::train));
  }
  static void TearDownTestSuite() {
    delete tokens_;
    delete folder_;
  }

  static ScratchFolder* folder_;
  static TokenFile* tokens_;
};
ScratchFolder* Reading::folder_ = nullptr;
TokenFile* Reading::tokens_ = nullptr;

using Ids = std::vector<int32_t>;

Ids ids_of(const TokenView& view) {
  Ids ids;
  for (size_t i = 0; i < view.size(); ++i) ids.push_back(view[i]);
  return ids;
}

// The pairs of a batch, put together again from segments and positions, which are checked.
std::vector<std::pair<Ids, Ids>> pairs_of(const Batch& batch) {
  std::vector<std::pair<Ids, Ids>> pairs;
  for (int64_t row = 0; row < batch.rows; ++row) {
    std::map<int32_t, std::pair<Ids, Ids>> segments;
    for (int64_t i = row * batch.source_length; i < (row + 1) * batch.source_length; ++i) {
      const auto at = static_cast<size_t>(i);
      if (batch.source_segments[at] == 0) {
        EXPECT_EQ(batch.source[at], kPadding);
        continue;
      }
      Ids& ids = segments[batch.source_segments[at]].first;
      EXPECT_EQ(batch.source_positions[at], static_cast<int32_t>(ids.size()));
      ids.push_back(batch.source[at]);
    }
    for (int64_t i = row * batch.target_length; i < (row + 1) * batch.target_length; ++i) {
      const auto at = static_cast<size_t>(i);
      EXPECT_EQ(batch.weights[at], batch.target_segments[at] == 0 ? 0 : 1);
      if (batch.target_segments[at] == 0) continue;
      Ids& ids = segments[batch.target_segments[at]].second;
      EXPECT_EQ(batch.target_positions[at], static_cast<int32_t>(ids.size()));
      EXPECT_EQ(batch.target_inputs[at], ids.empty() ? kBegin : ids.back());
      ids.push_back(batch.target_labels[at]);
    }
    for (auto& [segment, pair] : segments) pairs.push_back(std::move(pair));
  }
  return pairs;
}

TEST_F(Reading, BatchesHoldPairsOfTheFile) {
  std::set<std::pair<Ids, Ids>> known;
  for (int64_t i = 0; i < tokens_->pairs(); ++i) {
    known.insert({ids_of(tokens_->pair(i).source), ids_of(tokens_->pair(i).target)});
  }
  BatchReader reader(*tokens_, {.rows = 16, .source_length = 128, .target_length = 128});
  for (int step = 0; step < 20; ++step) {
    const Batch batch = reader.next();
    const auto pairs = pairs_of(batch);
    EXPECT_EQ(static_cast<int64_t>(pairs.size()), batch.pairs);
    for (const auto& pair : pairs) EXPECT_TRUE(known.contains(pair));
  }
}

TEST_F(Reading, TheSeedAloneDecides) {
  const BatchOptions options{.rows = 8, .source_length = 96, .target_length = 96, .seed = 3};
  BatchOptions another = options;
  another.seed = 4;
  BatchReader a(*tokens_, options), b(*tokens_, options), c(*tokens_, another);
  bool differs = false;
  for (int step = 0; step < 10; ++step) {
    const Batch batch = a.next();
    EXPECT_EQ(batch, b.next());
    differs = differs || batch != c.next();
  }
  EXPECT_TRUE(differs);
}

TEST_F(Reading, GoesOnExactlyWhereItStopped) {
  const BatchOptions options{.rows = 8, .source_length = 96, .target_length = 96, .seed = 3};
  BatchReader whole(*tokens_, options);
  for (int step = 0; step < 25; ++step) whole.next();
  const std::string saved = whole.state().to_string();
  BatchReader resumed(*tokens_, options);
  resumed.next();  // wherever it is
  resumed.restore(ReaderState::parse(saved));
  EXPECT_EQ(resumed.state(), whole.state());
  EXPECT_EQ(resumed.state().batches, 25);
  for (int step = 0; step < 25; ++step) ASSERT_EQ(resumed.next(), whole.next()) << step;
}

TEST_F(Reading, RanksReadTheirPartsOfTheSameBatch) {
  BatchOptions options{.rows = 12, .source_length = 96, .target_length = 96};
  BatchReader whole(*tokens_, options);
  options.ranks = 3;
  for (options.rank = 0; options.rank < 3; ++options.rank) {
    BatchReader part(*tokens_, options);
    BatchReader again(*tokens_, {.rows = 12, .source_length = 96, .target_length = 96});
    for (int step = 0; step < 5; ++step) {
      const Batch all = again.next();
      const Batch mine = part.next();
      const auto begin = all.source.begin() + options.rank * 4 * 96;
      EXPECT_EQ(mine.rows, 4);
      EXPECT_EQ(mine.source, Ids(begin, begin + 4 * 96));
    }
  }
}

TEST_F(Reading, APassOfADirectionSeesEveryPairOnce) {
  Sampler sampler(*tokens_, {.temperature = 1, .longest = {1000, 1000}});
  const auto& range = tokens_->directions()[1];
  std::set<int64_t> seen;
  while (static_cast<int64_t>(seen.size()) < range.count) {
    const int64_t pair = sampler.next();
    if (pair >= range.first && pair < range.first + range.count) {
      ASSERT_TRUE(seen.insert(pair).second) << "again before the others";
    }
  }
}

TEST_F(Reading, TheTemperatureDecidesHowOftenALanguageIsDrawn) {
  const auto share_of_second = [&](double temperature) {
    Sampler sampler(*tokens_, {.temperature = temperature, .longest = {1000, 1000}});
    int count = 0;
    for (int i = 0; i < 20'000; ++i) count += sampler.next() >= tokens_->directions()[1].first ? 1 : 0;
    return count / 20'000.0;
  };
  const double n0 = static_cast<double>(tokens_->directions()[0].count);
  const double n1 = static_cast<double>(tokens_->directions()[1].count);
  EXPECT_NEAR(share_of_second(1), n1 / (n0 + n1), 0.02);
  EXPECT_NEAR(share_of_second(2), std::sqrt(n1) / (std::sqrt(n0) + std::sqrt(n1)), 0.02);
  EXPECT_NEAR(share_of_second(1e9), 0.5, 0.02);
}

TEST_F(Reading, DirectionsThatAreNotWantedAreNeverDrawn) {
  ASSERT_EQ(tokens_->directions().size(), 2U);
  for (const auto& range : tokens_->directions()) {
    Sampler sampler(*tokens_, {.temperature = 1, .longest = {1000, 1000}, .directions = {range.direction}});
    for (int64_t i = 0; i < 2 * range.count; ++i) {
      const int64_t pair = sampler.next();
      ASSERT_TRUE(pair >= range.first && pair < range.first + range.count) << range.direction.name();
    }
    EXPECT_EQ(sampler.position().taken.size(), 2U);
    PassReader reader(*tokens_, {.rows = 32, .directions = {range.direction}}, tokens_->pairs());
    std::multiset<int64_t> seen, expected;
    while (const auto batch = reader.next()) {
      for (const auto& row : batch->numbers) seen.insert(row.begin(), row.end());
    }
    for (int64_t i = 0; i < range.count; ++i) expected.insert(range.first + i);
    EXPECT_EQ(seen, expected);
  }
  EXPECT_THROW(Sampler(*tokens_, {.directions = {{"it", "en"}}}), Error);
}

TEST_F(Reading, LongPairsOfDirectionsThatAreNotWantedAreNotCounted) {
  const auto count = [&](const std::vector<LanguagePair>& wanted) {
    return BatchReader(*tokens_, {.rows = 8, .source_length = 10, .target_length = 10, .directions = wanted})
        .long_pairs();
  };
  const auto& both = tokens_->directions();
  EXPECT_GT(count({both[0].direction}), 0);
  EXPECT_EQ(count({both[0].direction}) + count({both[1].direction}), count({}));
}

TEST_F(Reading, LittleOfARowIsPadding) {
  BatchReader reader(*tokens_, {.rows = 32, .source_length = 160, .target_length = 160, .temperature = 1});
  for (int step = 0; step < 20; ++step) reader.next();
  // One side of a row is full before the other.
  EXPECT_LT(std::min(reader.padding().source, reader.padding().target), 0.05);
  EXPECT_LT(std::max(reader.padding().source, reader.padding().target), 0.25);
  EXPECT_GE(reader.padding().source, 0);
}

TEST_F(Reading, LongPairsAreDroppedOrCut) {
  const BatchOptions dropping{.rows = 8, .source_length = 16, .target_length = 16};
  BatchOptions cutting = dropping;
  cutting.long_pairs = LongPairs::cut;
  BatchReader drops(*tokens_, dropping), cuts(*tokens_, cutting);
  EXPECT_GT(drops.long_pairs(), 0);
  EXPECT_LT(drops.long_pairs(), tokens_->pairs());
  EXPECT_EQ(drops.long_pairs(), cuts.long_pairs());
  const auto longest = [](const Batch& batch) {
    size_t length = 0;
    for (const auto& pair : pairs_of(batch)) {
      EXPECT_EQ(pair.first.back(), kEnd);
      EXPECT_EQ(pair.second.back(), kEnd);
      length = std::max({length, pair.first.size(), pair.second.size()});
    }
    return length;
  };
  EXPECT_LE(longest(drops.next()), 16U);
  EXPECT_EQ(longest(cuts.next()), 16U);
}

TEST_F(Reading, WhereAllPairsAreTooLongThereIsAnError) {
  try {
    BatchReader reader(*tokens_, {.rows = 8, .source_length = 2, .target_length = 2});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 3);
    EXPECT_THAT(error.what(), HasSubstr("has at most 2 source and 2 target tokens; allow longer rows"));
  }
}

TEST_F(Reading, OptionsThatMakeNoBatchesAreErrors) {
  const BatchOptions wrong[] = {{.rows = 0},
                                {.rows = 10, .ranks = 4},
                                {.rows = 4, .rank = 4, .ranks = 4},
                                {.rows = 4, .temperature = 0},
                                {.rows = int64_t{1} << 60}};
  for (const BatchOptions& options : wrong) {
    try {
      BatchReader reader(*tokens_, options);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 2) << error.what();
    }
  }
}

TEST_F(Reading, PositionsOfAnotherTextAreErrorsAndReadingGoesOn) {
  BatchReader reader(*tokens_, {.rows = 8});
  ReaderState state = reader.state();
  state.position.taken.push_back(1);
  EXPECT_THROW(reader.restore(state), Error);
  state = reader.state();
  state.waiting.push_back(tokens_->pairs());
  EXPECT_THROW(reader.restore(state), Error);
  for (const char* text : {"", "{}", "[1]", "{\"batches\":-1,\"draws\":\"x\"}"}) {
    EXPECT_THROW(ReaderState::parse(text), Error) << text;
  }
  EXPECT_GT(reader.next().pairs, 0);
}

TEST_F(Reading, APassReadsEveryPairOnceInOrder) {
  PassReader reader(*tokens_, {.rows = 32, .source_length = 128, .target_length = 128}, tokens_->pairs());
  std::multiset<std::pair<Ids, Ids>> seen, expected;
  while (const auto batch = reader.next()) {
    for (auto& pair : pairs_of(*batch)) seen.insert(std::move(pair));
  }
  for (int64_t i = 0; i < tokens_->pairs(); ++i) {
    expected.insert({ids_of(tokens_->pair(i).source), ids_of(tokens_->pair(i).target)});
  }
  EXPECT_TRUE(seen == expected);
  PassReader few(*tokens_, {.rows = 32}, 100);
  int64_t pairs = 0;
  while (const auto batch = few.next()) pairs += batch->pairs;
  EXPECT_EQ(pairs, 100);
}

TEST_F(Reading, DamageIsReportedByNext) {
  std::string bytes = folder_->read("c/train.tokens");
  bytes[kTokenHeaderBytes + 10] ^= 1;
  const TokenFile damaged(folder_->write("damaged.tokens", bytes));
  EXPECT_THROW(
      {
        BatchReader reader(damaged, {.rows = 8});
        for (int step = 0; step < 100; ++step) reader.next();
      },
      Error);
}

class EverySize : public testing::TestWithParam<uint64_t> {};

TEST_P(EverySize, HasItsPermutation) {
  const Permutation order(17, GetParam());
  std::set<uint64_t> places;
  bool moves = false;
  for (uint64_t i = 0; i < GetParam(); ++i) {
    moves = moves || order(i) != i;
    EXPECT_LT(order(i), GetParam());
    EXPECT_TRUE(places.insert(order(i)).second);
  }
  EXPECT_TRUE(moves || GetParam() < 10);
}

INSTANTIATE_TEST_SUITE_P(Permutation, EverySize, testing::Values(1, 2, 3, 4, 5, 16, 17, 1000, 4096, 10'007));

}  // namespace
}  // namespace gshard
