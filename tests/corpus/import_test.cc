// Import: from raw files to a corpus, and files that cannot be one.
#include "corpus/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/error.h"
#include "corpus/sha256.h"
#include "corpus/text_lines.h"
#include "scratch_folder.h"
#include "small_corpus.h"

namespace gshard {
namespace {

using ::testing::HasSubstr;

std::string error_of(const ImportPlan& plan) {
  try {
    import_corpus(plan, be_silent);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 3);
    return error.report();
  }
  return "no error";
}

ImportPlan tsv(const ScratchFolder& folder, const std::string& text) {
  return {folder.path("c"), {{folder.write("rows.tsv", text), "", {}, std::nullopt}}, {}, {}};
}

TEST(Import, ReadsBackWhatItWrote) {
  const ScratchFolder folder;
  const CorpusSummary made = import_rows(folder.path("c"), folder.write("made.up.tsv", made_up_rows(3000)));
  const CorpusSummary read = read_corpus(folder.path("c"));
  EXPECT_EQ(read.sha256, made.sha256);
  for (const Part part : kParts) {
    EXPECT_EQ(read.pairs(part), made.pairs(part));
    EXPECT_EQ(to_hex(sha256_of_file(part_path(folder.path("c"), part))), made.sha256[static_cast<size_t>(part)]);
  }
  EXPECT_EQ(directions_of(read)[0].direction.name(), "de-en");
  EXPECT_EQ(read.origins[0].origin, "made");
  EXPECT_EQ(read.files[0].read, 3000);
  EXPECT_EQ(read.files[0].kept + read.files[0].dropped.total(), 3000);
}

TEST(Import, LeavesNothingButTheCorpus) {
  const ScratchFolder folder;
  import_rows(folder.path("c"), folder.write("rows.tsv", made_up_rows(500)));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path("c"))) {
    EXPECT_THAT(entry.path().filename().string(), testing::AnyOf("train.tsv", "dev.tsv", "test.tsv", "corpus.json"));
  }
}

TEST(Import, ACorpusCanBeImportedAgain) {
  const ScratchFolder folder;
  import_rows(folder.path("c"), folder.write("rows.tsv", made_up_rows(500)));
  const auto input = [&](Part part) { return ImportInput{part_path(folder.path("c"), part), "", {}, part}; };
  import_corpus({folder.path("d"), {input(Part::train), input(Part::dev), input(Part::test)}, {}, {}}, be_silent);
  EXPECT_TRUE(folder.read("d/train.tsv") == folder.read("c/train.tsv"));
}

TEST(Import, PlainFilesBelongLineByLine) {
  const ScratchFolder folder;
  const ImportInput input{folder.write("x.de", "Guten Morgen\nGuten Abend\n"),
                          folder.write("x.en", "Good morning\nGood evening\n"),
                          {"de", "en"},
                          std::nullopt};
  import_corpus({folder.path("c"), {input}, {}, {}}, be_silent);
  EXPECT_EQ(folder.read("c/train.tsv"),
            "de\ten\tGuten Morgen\tGood morning\tx\nde\ten\tGuten Abend\tGood evening\tx\n");
}

TEST(Import, OneSidedFilesAreAnError) {
  const ScratchFolder folder;
  const ImportInput input{folder.write("x.de", "a\nb\nc\n"), folder.write("x.en", "a\n"), {"de", "en"}, std::nullopt};
  EXPECT_THAT(error_of({folder.path("c"), {input}, {}, {}}), HasSubstr("x.de has 3 lines and"));
  EXPECT_THAT(error_of(tsv(folder, "de\ten\tGuten Morgen\t\nde\ten\tGuten Abend\t\n")),
              HasSubstr("cleaning left none of 2 rows; the rule 'empty' dropped 2 of them (a side without text)"));
}

TEST(Import, MalformedFilesAreNamedByTheirFirstLine) {
  const ScratchFolder folder;
  EXPECT_THAT(error_of(tsv(folder, "")), HasSubstr("rows.tsv: it is empty"));
  EXPECT_THAT(error_of(tsv(folder, "de\ten\tHallo du\tHello you\nno tabs here\n")),
              HasSubstr("rows.tsv:2:1: error: this line has not the columns"));
  EXPECT_THAT(error_of(tsv(folder, "de\ten\tGr\xfc\xdf Gott\tHello there\n")),
              HasSubstr("rows.tsv:1:1: error: this line is no UTF-8; convert the file first"));
}

TEST(Import, AFewMalformedLinesOfManyAreCounted) {
  const ScratchFolder folder;
  const CorpusSummary summary =
      import_rows(folder.path("c"), folder.write("rows.tsv", made_up_rows(500) + "no tabs here\n"));
  EXPECT_EQ(summary.files[0].dropped[Drop::columns], 1);
}

TEST(Import, ALineOfHeadingsIsNoPair) {
  const ScratchFolder folder;
  const std::string headings = "source_lang\ttarget_lang\tsource\ttarget\n";
  const CorpusSummary summary = import_rows(folder.path("c"), folder.write("rows.tsv", headings + made_up_rows(500)));
  EXPECT_EQ(summary.files[0].dropped[Drop::columns], 1);
  for (const OriginCounts& origin : summary.origins) EXPECT_EQ(origin.target_language, "en");
  EXPECT_THAT(error_of(tsv(folder, headings + "de\ten\tGuten Morgen\tGood morning\n")),
              HasSubstr("rows.tsv:1:1: error: this line has not the columns"));
}

// The same English sentences in three languages.
std::string rows_in_three_languages() {
  std::string rows;
  for (int i = 0; i < 90; ++i) {
    const std::string name = {static_cast<char>('a' + i / 26), static_cast<char>('a' + i % 26)};
    const std::string english = "the " + name + " word of these\n";
    rows += "de\ten\tdas Wort " + name + " davon\t" + english;
    rows += "it\ten\tla parola " + name + " di queste\t" + english;
    rows += "nl\ten\thet woord " + name + " hiervan\t" + english;
  }
  return rows;
}

TEST(Import, ATargetTrainsNoMoreOftenThanItMay) {
  const ScratchFolder folder;
  ImportPlan plan = tsv(folder, rows_in_three_languages());
  for (const int64_t most : {1, 2, 3}) {
    plan.most_repeats = most;
    const CorpusSummary summary = import_corpus(plan, be_silent);
    EXPECT_EQ(summary.pairs(Part::train), 90 * most);
    EXPECT_EQ(summary.repeats, 90 * (3 - most));
    EXPECT_EQ(read_corpus(folder.path("c")).repeats, summary.repeats);
    std::map<std::string, int64_t> by_target;
    TextLines lines(folder.path("c/train.tsv"));
    for (std::string line; lines.next(line);) ++by_target[parse_row(line)->target];
    for (const auto& [target, count] : by_target) EXPECT_EQ(count, most) << target;
    // No language takes most of them.
    for (const DirectionCounts& d : directions_of(summary)) EXPECT_GT(d.pairs[0], 15 * most) << d.direction.name();
  }
}

TEST(Import, WhichRepeatsTrainDoesNotDependOnTheOrderOfRows) {
  const ScratchFolder folder;
  const std::string text = rows_in_three_languages();
  const auto kept = [&](const std::string& rows) {
    ImportPlan plan = tsv(folder, rows);
    plan.most_repeats = 1;
    import_corpus(plan, be_silent);
    std::set<std::string> found;
    TextLines lines(folder.path("c/train.tsv"));
    for (std::string line; lines.next(line);) found.insert(line);
    return found;
  };
  const size_t middle = text.find('\n', text.size() / 2) + 1;
  EXPECT_EQ(kept(text), kept(text.substr(middle) + text.substr(0, middle)));
}

TEST(Import, AGivenSetStaysWholeWhereItsRowsStandAmongTheOthersToo) {
  const ScratchFolder folder;
  const std::string text = made_up_rows(500);
  const std::string given = text.substr(0, text.find('\n', 2000) + 1);
  const auto count = [](const std::string& rows) { return std::count(rows.begin(), rows.end(), '\n'); };
  ImportPlan plan = tsv(folder, text);
  plan.inputs.push_back({folder.write("given.tsv", given + given), "", {}, Part::test});
  plan.hold_out.share = {0, 0, {}, {}};
  const CorpusSummary summary = import_corpus(plan, be_silent);
  EXPECT_EQ(summary.pairs(Part::test), count(given));
  EXPECT_EQ(summary.pairs(Part::train), 500 - count(given));
  EXPECT_EQ(summary.files[1].dropped[Drop::duplicate], count(given));
}

TEST(Import, AFailureLeavesTheCorpusThatWasThere) {
  const ScratchFolder folder;
  import_rows(folder.path("c"), folder.write("rows.tsv", made_up_rows(500)));
  const std::string before = folder.read("c/train.tsv");
  const std::string cut = folder.write("cut.gz", "\x1f\x8b\x08" + std::string(20, '\0'));
  EXPECT_NE(error_of({folder.path("c"), {{cut, "", {}, std::nullopt}}, {}, {}}), "no error");
  EXPECT_EQ(folder.read("c/train.tsv"), before);
  EXPECT_NO_THROW(read_corpus(folder.path("c")));
}

TEST(Corpus, WhatIsNoneOrDamagedIsAnError) {
  const ScratchFolder folder;
  EXPECT_THROW(read_corpus(folder.path("none")), Error);
  std::filesystem::create_directory(folder.path("c"));
  for (const char* text : {"{", "[]", "{\"format\":\"other\"}", "{\"format\":\"gshard corpus 1\"}"}) {
    folder.write("c/corpus.json", text);
    EXPECT_THROW(read_corpus(folder.path("c")), Error) << text;
  }
}

TEST(Corpus, LanguagesWithoutDevAreNamed) {
  const ScratchFolder folder;
  const ImportPlan plan = tsv(folder, "it\ten\tBuongiorno a tutti\tGood morning\n" + made_up_rows(3000));
  const CorpusSummary summary = import_corpus(plan, be_silent);
  EXPECT_THAT(without_rows(summary, Part::dev), testing::ElementsAre("it-en"));
}

}  // namespace
}  // namespace gshard
