#include "corpus/sentences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/unicode.h"

namespace gshard {
namespace {

using testing::ElementsAre;

// As many characters fit.
CutText cut(std::string_view text, size_t most) {
  return cut_text(text, [=](std::string_view part) { return code_points_of(tidy_text(part)).size() <= most; });
}

TEST(Sentences, EndWhereUnicodeSays) {
  EXPECT_THAT(sentences_of("Is it? Yes, at 3.14 p.m. No!"), ElementsAre("Is it? ", "Yes, at 3.14 p.m. ", "No!"));
  EXPECT_THAT(sentences_of("これは本です。それは?"), ElementsAre("これは本です。", "それは?"));
  EXPECT_THAT(sentences_of(""), ElementsAre());
}

TEST(Sentences, AsManyAsFitAreAPart) {
  const CutText two = cut("One is. Two is. Three is.", 16);
  EXPECT_THAT(two.parts, ElementsAre("One is. Two is.", "Three is."));
  EXPECT_FALSE(two.inside_sentences);
  EXPECT_THAT(cut("One is. Two is. Three is.", 100).parts, ElementsAre("One is. Two is. Three is."));
  EXPECT_THAT(cut(" \t ", 4).parts, ElementsAre());
  EXPECT_THAT(cut("", 4).parts, ElementsAre());
}

TEST(Sentences, LongOnesAreCutBetweenWordsAndLongWordsWithin) {
  const CutText words = cut("Yes. A sentence of words. No.", 11);
  EXPECT_THAT(words.parts, ElementsAre("Yes.", "A sentence", "of words.", "No."));
  EXPECT_TRUE(words.inside_sentences);
  EXPECT_THAT(cut("abcdefghij kl", 4).parts, ElementsAre("abcd", "efgh", "ij", "kl"));
  EXPECT_THAT(cut("äöü", 0).parts, ElementsAre("ä", "ö", "ü"));
}

TEST(Sentences, CharactersWithManyMarksAreCutBetweenCodePoints) {
  std::string text = "A";
  for (int i = 0; i < 300; ++i) text += "\u0301";
  const CutText marks = cut("One. " + text, 8);
  ASSERT_EQ(marks.parts.size(), 39);  // "One.", and 300 code points, for the first mark becomes one with the letter
  size_t count = 0;
  for (const std::string& part : marks.parts) {
    const size_t length = code_points_of(part).size();
    EXPECT_LE(length, 8);
    count += length;
  }
  EXPECT_EQ(count, 304);
  EXPECT_TRUE(marks.inside_sentences);
  // One code point that NFC spells with three.
  EXPECT_THAT(cut("\U0001d160", 1).parts, ElementsAre("\U0001d158", "\U0001d165", "\U0001d16e"));
}

}  // namespace
}  // namespace gshard
