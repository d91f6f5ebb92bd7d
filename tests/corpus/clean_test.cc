// Cleaning: each rule drops what it is for, and nothing beside it.
#include "corpus/clean.h"

#include <gtest/gtest.h>

#include "corpus/unicode.h"

namespace gshard {
namespace {

TextPair german(const std::string& source, const std::string& target) { return {"de", "en", source, target, "", ""}; }

struct Case {
  TextPair pair;
  std::optional<Drop> why;
};
void PrintTo(const Case& c, std::ostream* os) { *os << c.pair.source << " | " << c.pair.target; }

class EveryRule : public testing::TestWithParam<Case> {};

TEST_P(EveryRule, DropsWhatItIsFor) {
  Cleaner cleaner({});
  TextPair pair = GetParam().pair;
  EXPECT_EQ(cleaner.clean(pair), GetParam().why);
}

TEST_P(EveryRule, DropsNothingWhenItIsOff) {
  const std::optional<Drop> why = GetParam().why;
  const bool stays = !why || *why <= Drop::empty;  // these have no switch
  Cleaner cleaner({.off = {why.value_or(Drop::copy)}});
  TextPair pair = GetParam().pair;
  EXPECT_EQ(cleaner.clean(pair) == why, stays);
}

INSTANTIATE_TEST_SUITE_P(
    Cleaning, EveryRule,
    testing::Values(Case{german("Guten Morgen.", "Good morning."), std::nullopt},
                    Case{german("Datei \"%1\" wurde gelöscht.", "File \"%1\" was deleted."), std::nullopt},
                    Case{german("", "Good morning."), Drop::empty},
                    Case{german("Guten Morgen.", " \xe2\x80\x8b "), Drop::empty},
                    Case{german("Gr\xfc\xdf Gott", "Hello there"), Drop::encoding},
                    Case{german("Guten\x01 Morgen", "Good morning"), Drop::control},
                    Case{german("Guten Morgen", "Good \xef\xbf\xbd morning"), Drop::control},
                    Case{german("Firefox Browser", "firefox browser"), Drop::same},
                    Case{german("12:30 - 14:00 (a)", "12:30 to 2 pm"), Drop::letters},
                    Case{german("Siehe www.example.org fürs Weitere", "See the page for more"), Drop::address},
                    Case{german("Schreibt an jemand@example.org.", "Write to someone."), Drop::address},
                    Case{german("Das @ steht für sich", "The at sign stands alone"), std::nullopt},
                    Case{german(std::string(1300, 'a'), std::string(1200, 'b')), Drop::length},
                    Case{german("Wort und Wort und Wort",
                                [] {
                                  std::string text;
                                  for (int i = 0; i < 121; ++i) text += "w ";
                                  return text;
                                }()),
                         Drop::length},
                    Case{german("Ja", "This sentence is much longer than its translation is"), Drop::ratio},
                    Case{german("Доброе утро, мир", "Good morning, world"), Drop::script},
                    Case{{"ru", "en", "Good evening to all", "Good morning, world", "", ""}, Drop::script},
                    Case{{"ru", "en", "Откройте Firefox снова", "Open Firefox again", "", ""}, std::nullopt},
                    Case{{"ja", "en", "ファイルを開く", "Open the file", "", ""}, std::nullopt},
                    Case{{"zz", "en", "что угодно", "any language", "", ""}, std::nullopt},
                    Case{german("Open the file im Browser", "Open the file in the browser"), Drop::copy}));

TEST(Cleaning, ASecondSameRowIsADuplicateInItsLanguageAlone) {
  Cleaner cleaner({});
  TextPair first = german("Guten  Morgen.", "Good morning.");
  TextPair same = german("Guten Morgen. ", "Good morning.");
  TextPair other = same;
  other.source_language = "nl";
  EXPECT_EQ(cleaner.clean(first), std::nullopt);
  EXPECT_EQ(cleaner.clean(same), Drop::duplicate);
  EXPECT_EQ(cleaner.clean(other), std::nullopt);
}

TEST(Cleaning, TextHasOneForm) {
  EXPECT_EQ(tidy_text("\t a\xc2\xa0\xe2\x80\x83 b\xe2\x80\x8f "), "a b");
  EXPECT_EQ(tidy_text("e\xcc\x81"), "\xc3\xa9");
  EXPECT_EQ(tidy_text("\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae"),
            "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae");  // a joiner stays
}

TEST(Cleaning, OriginsAndDocumentsBecomeUtf8) {
  Cleaner cleaner({});
  TextPair pair = german("Guten Morgen.", "Good morning.");
  pair.origin = " news\xff ";
  pair.document = "1\xfe";
  EXPECT_EQ(cleaner.clean(pair), std::nullopt);
  EXPECT_EQ(pair.origin, "news\xef\xbf\xbd");
  EXPECT_EQ(pair.document, "1\xef\xbf\xbd");
}

TEST(Cleaning, RulesHaveNames) {
  for (size_t i = 0; i < kDropCount; ++i) {
    EXPECT_EQ(drop_of_name(name_of(static_cast<Drop>(i))), static_cast<Drop>(i));
  }
  EXPECT_EQ(drop_of_name("none"), std::nullopt);
}

TEST(FingerprintSet, HoldsWhatWasPutIn) {
  FingerprintSet set;
  for (uint64_t i = 0; i < 10'000; ++i) EXPECT_TRUE(set.insert(i * i * 64));
  for (uint64_t i = 0; i < 10'000; ++i) EXPECT_FALSE(set.insert(i * i * 64));
  EXPECT_EQ(set.size(), 10'000U);
  EXPECT_TRUE(set.contains(0));
  EXPECT_FALSE(set.contains(2));
}

}  // namespace
}  // namespace gshard
