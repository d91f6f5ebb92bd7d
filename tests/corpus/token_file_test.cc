// Vocabularies and token files: what goes in comes out, and damage is found.
#include "corpus/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "corpus/build_tokens.h"
#include "corpus/make_vocabulary.h"
#include "corpus/sampler.h"
#include "corpus/text_lines.h"
#include "scratch_folder.h"
#include "small_corpus.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A corpus with a vocabulary and tokens, made once.
class Tokens : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    import_rows(corpus(), folder_->write("rows.tsv", made_up_rows(3000)));
    make_vocabularies(corpus(), {.source_size = 340, .threads = 1}, be_silent);
    build_tokens(corpus(), {.threads = 2, .vocabulary_folder = ""}, be_silent);
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string corpus() { return folder_->path("c"); }
  static std::string train() { return token_path(corpus(), Part::train); }

  static std::string error_of_file(const std::string& bytes) {
    try {
      const TokenFile file(folder_->write("changed.tokens", bytes));
      for (int64_t i = 0; i < file.pairs(); ++i) file.pair(i);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 3);
      return error.what();
    }
    return "no error";
  }

  static ScratchFolder* folder_;
};
ScratchFolder* Tokens::folder_ = nullptr;

std::vector<int32_t> ids_of(const TokenView& view) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < view.size(); ++i) ids.push_back(view[i]);
  return ids;
}

TEST_F(Tokens, HoldTheTextByDirection) {
  const Vocabularies vocabularies = Vocabularies::load(corpus());
  const TokenFile tokens(train());
  std::map<std::string, std::vector<TextPair>> expected;
  TextLines lines(part_path(corpus(), Part::train));
  for (std::string line; lines.next(line);) expected[parse_row(line)->source_language].push_back(*parse_row(line));
  ASSERT_EQ(tokens.directions().size(), 2U);
  for (const auto& range : tokens.directions()) {
    const auto& pairs = expected[range.direction.source];
    ASSERT_EQ(range.count, static_cast<int64_t>(pairs.size()));
    for (int64_t i = 0; i < range.count; ++i) {
      const TokenPair pair = tokens.pair(range.first + i);
      EXPECT_EQ(vocabularies.source.decode(ids_of(pair.source)), pairs[static_cast<size_t>(i)].source);
      EXPECT_EQ(vocabularies.target.decode(ids_of(pair.target)), pairs[static_cast<size_t>(i)].target);
      EXPECT_EQ(pair.target[pair.target.size() - 1], kEnd);
    }
  }
}

TEST_F(Tokens, ACutOffFileIsAnError) {
  const std::string bytes = folder_->read("c/train.tokens");
  EXPECT_EQ(error_of_file(bytes), "no error");
  for (const size_t size : {size_t{0}, size_t{100}, size_t{256}, bytes.size() / 2, bytes.size() - 1}) {
    EXPECT_NE(error_of_file(bytes.substr(0, size)), "no error") << size;
  }
  EXPECT_THAT(error_of_file(bytes + "x"), HasSubstr("bytes where"));
  EXPECT_THAT(error_of_file("GSHTOK9\n" + bytes.substr(8)), HasSubstr("no token file of this version"));
}

TEST_F(Tokens, AnyChangedBitIsFound) {
  const std::string bytes = folder_->read("c/dev.tokens");
  for (size_t i = 0; i < bytes.size(); i += i < sizeof(TokenHeader) ? 1 : 5) {
    if (i >= sizeof(TokenHeader) && i < kTokenHeaderBytes) continue;  // zeros that mean nothing
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 4);
    EXPECT_NE(error_of_file(changed), "no error") << i;
  }
}

TEST_F(Tokens, OfAnotherVocabularyAreAnError) {
  const TokenFile tokens(train());
  EXPECT_NO_THROW(tokens.expect_vocabulary(Vocabularies::load(corpus()).sha256(), "the model"));
  EXPECT_THROW(tokens.expect_vocabulary(std::string(64, '0'), "the model"), Error);
}

TEST_F(Tokens, AVocabularyOfAnotherTextIsAnErrorUnlessItIsNamed) {
  const std::string other = folder_->path("d");
  import_rows(other, folder_->write("rows.tsv", made_up_rows(500)));
  const auto build = [&](const std::string& vocabulary) {
    build_tokens(other, {.threads = 1, .vocabulary_folder = vocabulary}, be_silent);
  };
  EXPECT_THROW(build(""), Error);  // none at all
  for (const char* name : {"vocabulary.json", "vocabulary.model"}) {
    folder_->write(std::string("d/") + name, folder_->read(std::string("c/") + name));
  }
  try {
    build("");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    EXPECT_THAT(error.what(), HasSubstr("was made of another text"));
  }
  EXPECT_NO_THROW(build(corpus()));
}

TEST_F(Tokens, TextThatChangedSinceTheImportIsAnError) {
  const std::string other = folder_->path("e");
  import_rows(other, folder_->write("rows.tsv", made_up_rows(500)));
  const std::string text = folder_->read("e/train.tsv");
  std::string other_word = text;
  other_word.replace(text.find("the"), 3, "THE");
  for (const std::string& changed : {text + "de\ten\tnoch eins\tone more\to\n", other_word}) {
    folder_->write("e/train.tsv", changed);
    const BuildPlan plan{.threads = 1, .vocabulary_folder = corpus()};
    EXPECT_THROW(build_tokens(other, plan, be_silent), Error);
    EXPECT_FALSE(std::filesystem::exists(token_path(other, Part::train)));
  }
}

TEST_F(Tokens, AnyTextCanBeEncoded) {
  const Vocabulary vocabulary = Vocabularies::load(corpus()).source;
  EXPECT_EQ(vocabulary.decode(vocabulary.encode("Ω 中 x\xff!")), "Ω 中 x\xef\xbf\xbd!");
  EXPECT_THAT(vocabulary.encode(""), ElementsAre());
  EXPECT_THROW(vocabulary.decode(std::vector<int32_t>{100'000}), Error);
}

TEST_F(Tokens, DamagedVocabulariesAreErrors) {
  EXPECT_THROW(Vocabulary::load(folder_->write("no.model", "no model at all")), Error);
  EXPECT_THROW(Vocabularies::load(folder_->path("none")), Error);
  std::filesystem::create_directory(folder_->path("v"));
  folder_->write("v/vocabulary.model", folder_->read("c/vocabulary.model"));
  std::string json = folder_->read("c/vocabulary.json");
  folder_->write("v/vocabulary.json", json.substr(0, json.size() / 2));
  EXPECT_THROW(Vocabularies::load(folder_->path("v")), Error);
  json.replace(json.find("\"sha256\": \"") + 11, 4, "0000");
  folder_->write("v/vocabulary.json", json);
  EXPECT_THROW(Vocabularies::load(folder_->path("v")), Error);
}

TEST(Vocabulary, SizesThatDoNotFitAreErrorsWithTheSizeThatDoes) {
  const ScratchFolder folder;
  import_rows(folder.path("c"), folder.write("rows.tsv", made_up_rows(500)));
  for (const int32_t size : {50'000, 100, 272}) {
    try {
      make_vocabularies(folder.path("c"), {.source_size = size, .threads = 1}, be_silent);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 2);
      EXPECT_THAT(error.what(), HasSubstr(size > 1000 ? "is the most" : "is too small"));
    }
  }
  EXPECT_THROW(Vocabularies::load(folder.path("c")), Error) << "nothing was to be left";
}

TEST(Vocabulary, SeveralTargetsHaveTokensOfTheirOwn) {
  const ScratchFolder folder;
  std::string rows = made_up_rows(500);
  for (const char c : {'a', 'b', 'c', 'd'})
    rows += std::string("en\tde\tgood ") + c + " morning\tguten " + c + " Morgen\n";
  import_rows(folder.path("c"), folder.write("rows.tsv", rows));
  const Vocabularies v =
      make_vocabularies(folder.path("c"), {.source_size = 350, .tags_source = true, .threads = 1}, be_silent);
  EXPECT_TRUE(v.tags_target);
  const std::vector<int32_t> ids = v.encode_source("good morning", "en", "de");
  EXPECT_EQ(v.source.piece(ids[0]), "<2de>");
  EXPECT_EQ(v.source.piece(ids[1]), "<from:en>");
  EXPECT_EQ(ids.back(), kEnd);
  EXPECT_EQ(v.source.decode(ids), "good morning");
  EXPECT_EQ(v.source.id_of_symbol("<2xx>"), std::nullopt);
  EXPECT_THROW(v.encode_source("good morning", "en", "xx"), Error);
  // In a text the same letters are no token.
  EXPECT_NE(v.source.encode("<2de>")[0], ids[0]);
}

TEST(Sampling, WeightsFollowAnyTemperature) {
  EXPECT_THAT(sampling_weights({100, 0, 1}, 2), ElementsAre(1, 0, 0.1));
  EXPECT_THAT(sampling_weights({100, 0, 1}, 1), ElementsAre(1, 0, 0.01));
  EXPECT_THAT(sampling_weights({10'000'000, 0, 9'000'000}, 1e-3), ElementsAre(1, 0, testing::Le(1e-40)));
  EXPECT_THAT(sampling_weights({100, 0, 100, 1}, 1e-300), ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(sampling_weights({100, 0, 1}, HUGE_VAL), ElementsAre(1, 0, 1));
  EXPECT_THAT(sampling_weights({0, 0}, 5), ElementsAre(0, 0));
  EXPECT_THAT(sampling_weights({}, 5), ElementsAre());
}

TEST(Sampling, SizesFollowTheTemperature) {
  EXPECT_THAT(sample_sizes({1000, 100}, 110, 1), ElementsAre(100, 10));
  EXPECT_THAT(sample_sizes({10'000, 100}, 110, 2), ElementsAre(100, 10));
  EXPECT_THAT(sample_sizes({1000, 10}, 200, 1e9), ElementsAre(190, 10));  // none has more than it has
  EXPECT_THAT(sample_sizes({1000, 10}, 5000, 5), ElementsAre(1000, 10));
  EXPECT_THAT(sample_sizes({5, 0}, 3, 5), ElementsAre(3, 0));
  EXPECT_THAT(sample_sizes({1000, 100, 10}, 1050, 1e-300), ElementsAre(1000, 50, 0));
}

}  // namespace
}  // namespace gshard
