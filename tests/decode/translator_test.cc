#include "decode/translator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/vocabulary.h"
#include "small_translator.h"

namespace gshard {
namespace {

using Found = std::vector<std::vector<Hypothesis>>;

Found translated(const TranslatorOptions& options, const std::vector<Tokens>& sources, uint64_t seed = 1) {
  Translator translator(options);
  translator.decoder().set_weights(random_weights(translator.decoder(), seed));
  return translator.translate(sources);
}

void expect_same(const std::vector<Hypothesis>& found, const std::vector<Hypothesis>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].tokens, expected[i].tokens) << "number " << i;
    EXPECT_NEAR(found[i].log_probability, expected[i].log_probability, 1e-4);
    EXPECT_NEAR(found[i].score, expected[i].score, 1e-4);
  }
}

void expect_same(const Found& found, const Found& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same(found[i], expected[i]);
  }
}

TEST(Translator, NBestListsAreThoseOfThePlainSearch) {
  const std::vector<Tokens> sources = random_sources(6, 1);
  for (const int64_t beam : {1, 2, 4}) {
    TranslatorOptions options = small_translator(beam);
    options.search.length_factor = 1;
    options.search.length_extra = 3;
    const Found found = translated(options, sources);
    Decoder decoder(options.decoder);
    const NextLogs next = whole_decoder(options.decoder.model, random_weights(decoder, 1));
    for (size_t i = 0; i < sources.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "beam " << beam << ", source " << i);
      const auto longest = static_cast<int64_t>(sources[i].size()) + 3;
      expect_same(found[i], plain_search(next, sources[i], options.search, longest));
    }
  }
}

TEST(Translator, ATranslationIsTheSameAloneAndInAnyBatch) {
  const std::vector<Tokens> sources = random_sources(20, 2);
  const Found together = translated(small_translator(4), sources);
  Translator translator(small_translator(4));
  translator.decoder().set_weights(random_weights(translator.decoder(), 1));
  for (size_t i = 0; i < sources.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same(translator.translate({sources[i]})[0], together[i]);
  }
}

TEST(Translator, ATranslationIsTheSameOnAnyDevices) {
  const std::vector<Tokens> sources = random_sources(12, 3);
  const Found one = translated(small_translator(4), sources);
  for (const MeshLayout& layout : {MeshLayout::experts(2), MeshLayout::experts(4), MeshLayout::mixed(2, 2)}) {
    SCOPED_TRACE(layout.devices());
    expect_same(translated(small_translator(4, layout), sources), one);
  }
}

// No text ends by itself: the end is never likely.
NamedArrays weights_that_never_end(const Decoder& decoder) {
  NamedArrays weights = random_weights(decoder, 1);
  Literal& table = weights.at("decoder/embedding");
  for (int64_t m = 0; m < 8; ++m) table.mutable_values<float>()[static_cast<size_t>(kEnd * 8 + m)] = 0;
  return weights;
}

TEST(Translator, TextsGrowBeyondTheRoomThatTheyBeganWith) {
  TranslatorOptions options = small_translator(2);
  options.search.length_extra = 40;
  const std::vector<Tokens> sources = random_sources(4, 4);
  Translator translator(options);
  const NamedArrays weights = weights_that_never_end(translator.decoder());
  translator.decoder().set_weights(weights);
  const Found found = translator.translate(sources);
  const NextLogs next = whole_decoder(options.decoder.model, weights);
  size_t longest_found = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    const auto longest = std::min<int64_t>(2 * static_cast<int64_t>(sources[i].size()) + 40, 59);
    expect_same(found[i], plain_search(next, sources[i], options.search, longest));
    for (const Hypothesis& one : found[i]) {
      longest_found = std::max(longest_found, one.tokens.size());
      EXPECT_EQ(one.is_cut, std::ssize(one.tokens) == longest);
    }
  }
  EXPECT_GT(longest_found, 32);
}

TEST(Translator, ABatchThatGrewGoesOnInASmallerOne) {
  // Half of the texts have at most 44 tokens, the others 59.
  std::vector<Tokens> sources;
  for (int i = 0; i < 16; ++i) {
    sources.emplace_back(i < 9 ? 2 : 12, 4 + i % 15);
    sources.back().back() = kEnd;
  }
  TranslatorOptions options = small_translator(2);
  options.search.length_extra = 40;
  Translator translator(options);
  translator.decoder().set_weights(weights_that_never_end(translator.decoder()));
  const Found together = translator.translate(sources);
  EXPECT_EQ(translator.decoder().size().rows, 8);
  EXPECT_EQ(translator.decoder().size().target_length, 60);
  EXPECT_LE(together[0][0].tokens.size(), 44);
  EXPECT_GT(together[15][0].tokens.size(), 44);
  for (const size_t i : {0, 8, 9, 15}) {
    SCOPED_TRACE(i);
    expect_same(translator.translate({sources[i]})[0], together[i]);
  }
}

TEST(Translator, ScoresAreTheProbabilitiesOfWhatIsFound) {
  const std::vector<Tokens> sources = random_sources(9, 5);
  Translator translator(small_translator(3));
  translator.decoder().set_weights(random_weights(translator.decoder(), 1));
  const Found found = translator.translate(sources);
  std::vector<Tokens> targets;
  for (const auto& best : found) {
    targets.push_back(best[0].tokens);
    targets.back().push_back(kEnd);
  }
  const std::vector<double> scores = translator.score(sources, targets);
  for (size_t i = 0; i < sources.size(); ++i) EXPECT_NEAR(scores[i], found[i][0].log_probability, 1e-4) << i;
}

TEST(Translator, ACapacityOfExpertsReportsWhatItDrops) {
  TranslatorOptions options = small_translator(2);
  Translator free(options);
  free.decoder().set_weights(random_weights(free.decoder(), 1));
  const std::vector<Tokens> sources = random_sources(8, 6);
  free.translate(sources);
  EXPECT_EQ(free.decoder().choices().dropped, 0);
  options.decoder.expert_capacity = 0.5;
  Translator limited(options);
  limited.decoder().set_weights(random_weights(limited.decoder(), 1));
  limited.translate(sources);
  EXPECT_GT(limited.decoder().choices().share_dropped(), 0.1);
  EXPECT_LT(limited.decoder().choices().share_dropped(), 0.9);
}

TEST(Translator, ErrorsSayWhatIsWrong) {
  Translator translator(small_translator(2));
  const auto error_of = [](const std::function<void()>& f) -> std::string {
    try {
      f();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of([&] { translator.translate({Tokens{}}); }), "source 0 has 0 tokens, must have 1 to 24");
  EXPECT_EQ(error_of([&] {
              translator.translate({{5, 3}, Tokens(25, 5)});
            }),
            "source 1 has 25 tokens, must have 1 to 24");
  EXPECT_THAT(error_of([&] { translator.translate({{5, 3}}); }), testing::HasSubstr("has no value"));
  NamedArrays weights = random_weights(translator.decoder(), 1);
  weights.at("decoder/norm/scale").mutable_values<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  translator.decoder().set_weights(weights);
  EXPECT_EQ(error_of([&] {
              translator.translate({{5, 3}});
            }),
            "the model's probabilities are no numbers: its weights are not finite");
  EXPECT_EQ(error_of([&] {
              translator.score({{5, 3}}, {{6, 3}});
            }),
            "the model's probabilities are no numbers: its weights are not finite");
  weights.erase("decoder/norm/scale");
  EXPECT_EQ(error_of([&] { translator.decoder().set_weights(weights); }),
            "decoder: no weight 'decoder/norm/scale' is given");
}

}  // namespace
}  // namespace gshard
