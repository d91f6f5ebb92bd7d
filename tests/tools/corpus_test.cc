// gshard corpus: the steps from a TSV to token files, and their wrong usage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>

#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string rows() {
  std::string text;
  const std::string words[] = {"haus house", "hund dog", "baum tree", "stein stone", "brot bread", "wein wine"};
  uint32_t state = 1;
  for (int i = 0; i < 400; ++i) {
    std::string source, target;
    for (int n = 0; n < 9; ++n) {
      state = state * 1664525 + 1013904223;
      const std::string& word = words[(state >> 16) % 6];
      const size_t space = word.find(' ');
      source += word.substr(0, space) + " ";
      target += word.substr(space + 1) + " ";
    }
    text += "de\ten\t" + source + "\t" + target + "\n";
  }
  return text;
}

TEST(CorpusCommand, GoesFromATsvToTokens) {
  const Folder folder;
  folder.write("mine.tsv", rows());
  const Outcome imported = folder.gshard("corpus import mine.tsv -o c");
  EXPECT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_THAT(imported.out, StartsWith("400 rows read, "));
  EXPECT_THAT(imported.err, HasSubstr("mine.tsv: kept "));
  const Outcome vocab = folder.gshard("corpus vocab c --size 295");
  EXPECT_EQ(vocab.out, "295 pieces for both sides\n") << vocab.err;
  const Outcome built = folder.gshard("corpus build c --quiet");
  EXPECT_EQ(built.exit_code, 0);
  EXPECT_EQ(built.err, "");
  EXPECT_THAT(built.out, HasSubstr("source tokens"));
  EXPECT_THAT(folder.gshard("corpus stats c").out, HasSubstr("de-en"));
  EXPECT_THAT(folder.gshard("corpus stats c --json").out, HasSubstr("\"origin\": \"mine\""));
}

TEST(CorpusCommand, PlainFilesAndLanguagesWithoutDev) {
  const Folder folder;
  folder.write("x.de", "Guten Morgen\n");
  folder.write("x.en", "Good morning\n");
  const Outcome o = folder.gshard("corpus import --pair de:en x.de x.en -o c");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("no dev pairs for de-en; give some with --dev"));
}

TEST(CorpusCommand, AnOptionTakesNoFilesThatFollow) {
  const Folder folder;
  folder.write("x.de", "Guten Morgen\n");
  folder.write("x.en", "Good morning\n");
  folder.write("mine.tsv", rows());
  folder.write("own.tsv", "de\ten\tGuten Abend\tGood evening\n");
  for (const char* arguments :
       {"--pair de:en x.de x.en mine.tsv", "--pair de:en x.de x.en --dev own.tsv mine.tsv",
        "--pair de:en x.de x.en --test own.tsv mine.tsv", "--pair de:en x.de x.en --keep letters mine.tsv"}) {
    const Outcome o = folder.gshard(std::string("corpus import -o c ") + arguments);
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_THAT(o.err, HasSubstr("mine.tsv: kept ")) << arguments;
    EXPECT_THAT(folder.gshard("corpus stats c --json").out, HasSubstr("\"origin\": \"mine\",\n      \"train\": 3"))
        << arguments;
  }
}

// A folder of commands with python3 alone in it, so that there is no apt.
constexpr const char* kWithoutApt =
    "mkdir -p bin; ln -sf \"$(python3 -c 'import sys; print(sys.executable)')\" bin/python3; PATH=$PWD/bin ";

TEST(CorpusCommand, WithoutAptTheExampleIsTaken) {
  const Folder folder;
  const Outcome o = folder.shell(std::string(kWithoutApt) + "$GSHARD corpus fetch --languages de,xx -o c");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("error: there is no apt-get here"));
  EXPECT_THAT(o.err,
              HasSubstr("taking the small example text (MPL-2.0) instead. 'gshard corpus import' takes text of"));
  EXPECT_THAT(o.err, HasSubstr("the example text has no xx"));
  EXPECT_THAT(o.out, HasSubstr("; 0 did not train because their sentence is held out")) << "the example leaks";
  EXPECT_THAT(folder.gshard("corpus stats c").out, HasSubstr("tr-en"));
}

// An apt that knows one package; `get` is what apt-get does.
std::string with_apt(const std::string& get) {
  return "mkdir -p bin; ln -sf \"$(python3 -c 'import sys; print(sys.executable)')\" bin/python3; "
         "printf '#!/bin/sh\\n" +
         get +
         "\\n' > bin/apt-get; "
         "printf '#!/bin/sh\\n[ $3 = pkgnames ] && echo libreoffice-l10n-de\\n' > bin/apt-cache; "
         "printf '#!/bin/sh\\n' > bin/dpkg-deb; chmod +x bin/*; PATH=$PWD/bin:/bin $GSHARD ";
}

TEST(CorpusCommand, LanguagesThatNoSourceHasAreNamed) {
  const Folder folder;
  const Outcome none = folder.shell(with_apt("exit 0") + "corpus fetch --languages qq,zz --sources lo -o c");
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_EQ(none.err, "fetching the lists of packages\nerror: no source of lo has text in qq, zz\n");
  const Outcome some = folder.shell(with_apt("exit 0") + "corpus fetch --languages de,qq --sources lo -o c");
  EXPECT_THAT(some.err, HasSubstr("warning: no source of lo has text in qq\n"));
}

TEST(CorpusCommand, WithoutANetworkTheExampleIsTaken) {
  const Folder folder;
  const Outcome o =
      folder.shell(with_apt("echo E: no route to host >&2; exit 100") + "corpus fetch --languages de -o c");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("error: apt cannot fetch the lists of packages: no route to host\n"));
  EXPECT_THAT(o.err, HasSubstr("nothing could be downloaded; taking the small example text"));
  EXPECT_THAT(folder.gshard("corpus stats c").out, HasSubstr("de-en"));
}

TEST(CorpusCommand, WithoutAptACorpusThatIsThereStays) {
  const Folder folder;
  folder.write("mine.tsv", rows());
  folder.gshard("corpus import mine.tsv -o c");
  const std::string before = folder.read("c/train.tsv");
  const Outcome o = folder.shell(std::string(kWithoutApt) + "$GSHARD corpus fetch --languages de -o c");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, HasSubstr("error: without apt no packages can be fetched; the corpus in c stays as it is\n"));
  EXPECT_EQ(folder.read("c/train.tsv"), before);
}

// In the place of python3: ends when it is told to, and otherwise never.
constexpr const char* kEndless = R"(#!/bin/sh
trap 'echo > told; kill $!; exit 1' TERM
tail -f /dev/null &
echo > begun
wait
)";

TEST(CorpusCommand, ASignalEndsFetchingAtOnce) {
  const Folder folder;
  folder.write("python3", kEndless);
  const Outcome o = folder.shell(
      "chmod +x python3; PATH=$PWD:$PATH $GSHARD corpus fetch --languages de -o c & fetching=$!; "
      "until [ -e begun ]; do :; done; kill $fetching; wait $fetching; echo ended with $?");
  EXPECT_THAT(o.out, HasSubstr("ended with 143")) << o.err;
  EXPECT_TRUE(std::filesystem::exists(folder.path("told")));
}

TEST(CorpusCommand, APassOfRowsIsDescribed) {
  const Folder folder;
  folder.write("mine.tsv", rows());
  folder.shell("$GSHARD corpus import mine.tsv -o c; $GSHARD corpus vocab c --size 295; $GSHARD corpus build c");
  const Outcome o = folder.gshard("corpus stats c --rows 96x64");
  EXPECT_THAT(o.out, StartsWith("rows of 96 source and 64 target tokens hold ")) << o.err;
  EXPECT_EQ(folder.gshard("corpus stats c --rows 2x2").exit_code, 3);
}

TEST(CorpusCommand, BaselinesAreScored) {
  const Folder folder;
  folder.write("mine.tsv", rows());
  folder.write("test.tsv", "de\ten\thaus hund baum stein brot\thouse dog tree stone bread\n");
  EXPECT_EQ(folder.gshard("corpus import mine.tsv -o c --test test.tsv").exit_code, 0);
  const Outcome o = folder.gshard("corpus baselines c");
  EXPECT_THAT(o.out, HasSubstr("nearest BLEU")) << o.err;
  EXPECT_THAT(o.out, HasSubstr("de-en"));
  EXPECT_THAT(o.out, HasSubstr("never with WMT or FLORES"));
}

struct Wrong {
  const char* arguments;
  int exit_code;
  const char* error;  // its last line
};
void PrintTo(const Wrong& wrong, std::ostream* os) { *os << wrong.arguments; }

class EveryWrongCorpus : public testing::TestWithParam<Wrong> {};

TEST_P(EveryWrongCorpus, IsOneClearLine) {
  const Folder folder;
  folder.write("empty.tsv", "");
  folder.write("latin1.tsv", "de\ten\tGr\xfc\xdf Gott\tHello there\n");
  folder.write("three.tsv", "de\tHallo\thello\n");
  folder.write("one.de", "eins\nzwei\n");
  folder.write("one.en", "one\n");
  folder.write("cut.tsv.gz", "\x1f\x8b\x08");
  folder.write("utf16.tsv", "\xff\xfe and so on");
  const Outcome o = folder.gshard(std::string("corpus ") + GetParam().arguments);
  EXPECT_EQ(o.exit_code, GetParam().exit_code);
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(o.err, GetParam().error + std::string("\n"));
}

INSTANTIATE_TEST_SUITE_P(
    CorpusCommand, EveryWrongCorpus,
    testing::Values(
        Wrong{"", 2, "error: a subcommand is missing; 'gshard help corpus' lists them"},
        Wrong{"bild c", 2, "error: unknown subcommand 'bild'; did you mean 'build'? (see 'gshard help corpus')"},
        Wrong{"import a.tsv", 2, "error: --out is required (see 'gshard help corpus import')"},
        Wrong{"import -o c", 2,
              "error: nothing to import: give a TSV file, or --pair (see 'gshard help corpus import')"},
        Wrong{"import none.tsv -o c", 3, "error: none.tsv: cannot open it: No such file or directory"},
        Wrong{"import empty.tsv -o c", 3, "error: empty.tsv: it is empty"},
        Wrong{"import cut.tsv.gz -o c", 3, "error: cut.tsv.gz: its gzip data ends in the middle; the file is cut off"},
        Wrong{"import utf16.tsv -o c", 3,
              "error: utf16.tsv: it is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8 utf16.tsv > utf16.tsv.utf8"},
        Wrong{"import latin1.tsv -o c", 3,
              "latin1.tsv:1:1: error: this line is no UTF-8; convert the file first, as in 'iconv -f LATIN1 -t UTF-8'"},
        Wrong{"import three.tsv -o c", 3,
              "three.tsv:1:1: error: this line has not the columns source language, target language, source, target "
              "[, origin [, document]] with tabs between them"},
        Wrong{"import --pair de:en one.de one.en -o c", 3,
              "error: one.de has 2 lines and one.en has 1; line by line they must be translations"},
        Wrong{"import --pair deen one.de one.en -o c", 2,
              "error: --pair: 'deen' is no pair of languages; write them as de:en"},
        Wrong{"import empty.tsv -o c --keep scrpt", 2,
              "error: unknown rule 'scrpt'; did you mean 'script'? (see 'gshard help corpus import')"},
        Wrong{"import empty.tsv -o empty.tsv", 3, "error: empty.tsv: cannot make this folder: Not a directory"},
        Wrong{"fetch --languages de+fr -o c", 2,
              "error: --languages: 'de+fr' is no name of a language; write them as de,fr,pt_BR"},
        Wrong{"fetch --languages de -o c --sources books", 2,
              "error: unknown source 'books'; there are lo, lohelp, firefox, wesnoth, ddtp"},
        Wrong{"stats . --rows 96", 2,
              "error: --rows: '96' are no lengths of a row; write source and target tokens as 96x64"},
        Wrong{"stats . --rows 96x64 --json", 2, "error: --json is of the sizes of languages: give it without --rows"},
        Wrong{"stats . --rows 96x64", 3, "error: . has no tokens; 'gshard corpus build .' makes them"},
        Wrong{"baselines . --part train", 2, "error: --part: 'train' is none of dev, test"},
        Wrong{"vocab .", 3,
              "error: . is no corpus: it has no corpus.json; 'gshard corpus import' and 'fetch' make one"},
        Wrong{"vocab . --size 100 --source-size 100", 2,
              "error: --size is of a shared vocabulary; give it or the other two sizes"},
        Wrong{"vocab . --size 0", 2,
              "error: --size: Value 0 not in range 1 to 1000000 (see 'gshard help corpus vocab')"},
        Wrong{"vocab . --size 2147483647", 2,
              "error: --size: Value 2147483647 not in range 1 to 1000000 (see 'gshard help corpus vocab')"},
        Wrong{"vocab . --source-size -5 --target-size 100", 2,
              "error: --source-size: Value -5 not in range 1 to 1000000 (see 'gshard help corpus vocab')"},
        Wrong{"build .", 3,
              "error: . is no corpus: it has no corpus.json; 'gshard corpus import' and 'fetch' make one"},
        Wrong{"stats . --temperature 0", 2, "error: --temperature must be above 0"}));

}  // namespace
}  // namespace gshard
