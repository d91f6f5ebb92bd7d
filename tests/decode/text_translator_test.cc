#include "decode/text_translator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/make_vocabulary.h"
#include "corpus/small_corpus.h"
#include "corpus/unicode.h"
#include "scratch_folder.h"
#include "small_translator.h"

namespace gshard {
namespace {

const LanguagePair kDirection{"de", "en"};

class TextTranslatorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const ScratchFolder folder;
    import_rows(folder.path("c"), folder.write("t.tsv", made_up_rows(300)));
    VocabularyPlan plan;
    plan.source_size = plan.target_size = 300;
    const Vocabularies vocabularies = make_vocabularies(folder.path("c"), plan, be_silent);
    TranslatorOptions options = small_translator(2);
    options.decoder.model.source_vocabulary = options.decoder.model.target_vocabulary = 300;
    options.search.length_extra = 4;
    shared_ = new TextTranslator(vocabularies, options);
    Decoder& decoder = shared_->translator().decoder();
    decoder.set_weights(random_weights(decoder, 1));
  }
  static void TearDownTestSuite() {
    delete shared_;
    shared_ = nullptr;
  }

  static TextTranslator* shared_;
};

TextTranslator* TextTranslatorTest::shared_ = nullptr;

TEST_F(TextTranslatorTest, EachLineGivesALine) {
  const std::vector<TranslatedLine> lines = shared_->translate({"derbbu dercc", "", " \t ", "derddu"}, kDirection);
  ASSERT_EQ(lines.size(), 4);
  EXPECT_EQ(lines[0].parts.size(), 1);
  EXPECT_EQ(lines[0].parts[0].source, "derbbu dercc");
  EXPECT_EQ(lines[0].parts[0].n_best.size(), 2);
  EXPECT_TRUE(lines[1].parts.empty());
  EXPECT_EQ(lines[2].text(), "");
  EXPECT_EQ(lines[3].text(), lines[3].parts[0].n_best[0].text);
  for (const TranslatedLine& line : lines) EXPECT_EQ(line.text().find('\n'), std::string::npos);
}

TEST_F(TextTranslatorTest, LongLinesAreCutAtSentences) {
  const std::string sentence = "derbbu dercc!";
  std::string line = sentence;
  for (int i = 0; i < 5; ++i) line += " " + sentence;
  const std::vector<TranslatedLine> lines = shared_->translate({line, sentence}, kDirection);
  ASSERT_GT(lines[0].parts.size(), 1);
  EXPECT_FALSE(lines[0].cut_inside_sentences);
  std::string joined;
  for (const TranslatedPart& part : lines[0].parts) {
    EXPECT_TRUE(part.source.ends_with("!"));
    joined += (joined.empty() ? "" : " ") + part.source;
  }
  EXPECT_EQ(joined, line);

  const std::vector<TranslatedLine> endless = shared_->translate({std::string(500, 'q')}, kDirection);
  EXPECT_TRUE(endless[0].cut_inside_sentences);
  joined.clear();
  for (const TranslatedPart& part : endless[0].parts) joined += part.source;
  EXPECT_EQ(joined, std::string(500, 'q'));
}

TEST_F(TextTranslatorTest, ACharacterWithManyMarksIsCutToo) {
  std::string line = "A";
  for (int i = 0; i < 300; ++i) line += "\u0301";
  const TranslatedLine cut = shared_->translate({line}, kDirection)[0];
  EXPECT_TRUE(cut.cut_inside_sentences);
  std::string joined;
  for (const TranslatedPart& part : cut.parts) joined += part.source;
  EXPECT_EQ(joined, tidy_text(line));
}

TEST_F(TextTranslatorTest, BytesThatAreNoTextPass) {
  EXPECT_EQ(shared_->translate({"\xff\xfe derbbu"}, kDirection)[0].parts[0].source, "\xef\xbf\xbd\xef\xbf\xbd derbbu");
}

TEST_F(TextTranslatorTest, ScoresPairs) {
  const TextPair pair{"de", "en", "derbbu", "thebby", "", ""};
  const TextPair other{"de", "en", "derbbu", "thebby thebby", "", ""};
  const std::vector<double> scores = shared_->score({pair, other, pair});
  EXPECT_LT(scores[0], 0);
  EXPECT_NE(scores[0], scores[1]);
  EXPECT_NEAR(scores[0], scores[2], 1e-5);
}

}  // namespace
}  // namespace gshard
