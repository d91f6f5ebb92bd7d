// gshard translate, score and evaluate with a model of random weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "corpus/make_vocabulary.h"
#include "corpus/small_corpus.h"
#include "decode/decoder.h"
#include "decode/model_folder.h"
#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr const char* kConfig =
    "corpus = 'c'\n"
    "[model]\n"
    "size = 8\nhidden = 16\nencoder_layers = 1\ndecoder_layers = 2\nheads = 2\nhead_size = 4\n"
    "experts = 4\nexpert_hidden = 8\nsource_length = 24\ntarget_length = 16\n"
    "directions = ['de:en', 'fr:en']\n";

ModelParts parts_of(const std::string& corpus, std::vector<ArrayEntry> weights) {
  return {kConfig, corpus, weights, [weights](size_t i) {
            const bool is_scale = weights[i].name.ends_with("/scale");
            const Initializer random = is_scale ? Initializer::constant(1) : Initializer::normal(0.6);
            return initial_value({.name = weights[i].name, .shape = weights[i].shape, .initializer = random}, 1);
          }};
}

// The same model, for which the end is never likely.
ModelParts endless(ModelParts parts) {
  parts.value = [value = parts.value, weights = parts.weights](size_t i) {
    Literal weight = value(i);
    if (weights[i].name == "decoder/embedding")
      std::ranges::fill(weight.mutable_values<float>().subspan(8 * kEnd, 8), 0);
    return weight;
  };
  return parts;
}

class TranslateCommand : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new Folder;
    const std::string corpus = folder_->path("c");
    import_rows(corpus, folder_->write("t.tsv", made_up_rows(900)));
    VocabularyPlan plan;
    plan.source_size = plan.target_size = 300;
    make_vocabularies(corpus, plan, be_silent);
    const std::string model = folder_->path("m");
    write_model_folder(model, parts_of(corpus, {{"none", Shape(DType::f32)}}));  // for the shapes of its weights
    const Decoder decoder({.model = ModelFolder(model).config().transformer});
    std::vector<ArrayEntry> weights;
    for (const auto& [name, shape] : decoder.weights()) weights.push_back({name, shape});
    write_model_folder(model, parts_of(corpus, weights));
    write_model_folder(folder_->path("never_ends"), endless(parts_of(corpus, weights)));
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static Folder* folder_;
};

Folder* TranslateCommand::folder_ = nullptr;

TEST_F(TranslateCommand, OneLineInOneLineOut) {
  folder_->write("in.txt", "derbbu dercc\n\nlebbu lecc ledd\nderbbu dercc");
  const Outcome o = folder_->gshard("translate --model m < in.txt");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  ASSERT_EQ(std::ranges::count(o.out, '\n'), 4);
  const size_t first = o.out.find('\n');
  EXPECT_EQ(o.out[first + 1], '\n');
  EXPECT_EQ(o.out.substr(o.out.rfind('\n', o.out.size() - 2) + 1), o.out.substr(0, first + 1));
  EXPECT_EQ(folder_->gshard("translate --model m --devices 2 < in.txt").out, o.out);
  const Outcome none = folder_->gshard("translate --model m < /dev/null");
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.exit_code, 0);
}

TEST_F(TranslateCommand, LinesEndInAnyWayAndComeInAnyPieces) {
  const auto answer = [](const std::string& writes) {
    return folder_->shell("{ " + writes + "; } | $GSHARD translate --model m --json").out;
  };
  const std::string plain = answer("printf 'derbbu dercc\\nlebbu\\n'");
  EXPECT_THAT(plain, HasSubstr(R"("source":"lebbu")"));
  EXPECT_EQ(answer("printf '\\xef\\xbb\\xbfderbbu dercc\\r\\nlebbu\\r\\n'"), plain);
  EXPECT_EQ(answer("printf 'derbbu de'; sleep 0.2; printf 'rcc\\nleb'; sleep 0.2; printf bu"), plain);
  const Outcome wide = folder_->shell("printf '\\xff\\xfed\\0e\\0\\n\\0' | $GSHARD translate --model m");
  EXPECT_EQ(wide.exit_code, 3);
  EXPECT_THAT(wide.err, HasSubstr("error: the input is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8\n"));
}

TEST_F(TranslateCommand, StreamsNeedNotBlock) {
  // Runs a command with one of its streams so.
  folder_->write("unblocked.py",
                 "import os, sys\nos.set_blocking(int(sys.argv[1]), False)\nos.execv(sys.argv[2], sys.argv[2:])\n");
  const Outcome empty_at_first =
      folder_->shell("{ sleep 0.2; echo derbbu dercc; } | python3 unblocked.py 0 $GSHARD translate --model m");
  ASSERT_EQ(empty_at_first.exit_code, 0) << empty_at_first.err;
  EXPECT_EQ(empty_at_first.out, folder_->shell("echo derbbu dercc | $GSHARD translate --model m").out);
  folder_->write("in.txt", std::string(4000, '\n'));
  const Outcome full =
      folder_->shell("python3 unblocked.py 1 $GSHARD translate --model m --json < in.txt | { sleep 1; wc -l; }");
  EXPECT_EQ(full.out, "4000\n") << full.err;
}

TEST_F(TranslateCommand, AnyBytesAreALine) {
  const Outcome bytes =
      folder_->shell("printf 'der\\0bbu\\n\\xc3 le\\xf0\\x9f\\n\\0\\n' | $GSHARD translate --model m --json");
  ASSERT_EQ(bytes.exit_code, 0) << bytes.err;
  EXPECT_EQ(std::ranges::count(bytes.out, '\n'), 3);
  std::string words;
  for (int i = 0; i < 2000; ++i) words += "derbbu ";
  folder_->write("long.txt", words + "\n");
  const Outcome lengthy = folder_->gshard("translate --model m --beam 1 < long.txt");
  ASSERT_EQ(lengthy.exit_code, 0) << lengthy.err;
  EXPECT_EQ(std::ranges::count(lengthy.out, '\n'), 1);
  EXPECT_THAT(lengthy.err, HasSubstr("line 1: a sentence of more than 24 tokens was cut within"));
}

TEST_F(TranslateCommand, AReaderThatGoesAwayEndsItQuietly) {
  folder_->write("in.txt", std::string(100'000, '\n'));
  const Outcome o = folder_->shell("$GSHARD translate --model m --json < in.txt | head -n 1; exit ${PIPESTATUS[0]}");
  EXPECT_EQ(o.out, "{\"translation\":\"\",\"parts\":[]}\n");
  EXPECT_EQ(o.err, "");
  EXPECT_EQ(o.exit_code, 0);
}

TEST_F(TranslateCommand, TranslationsThatWereCutAreNamed) {
  folder_->write("in.txt", "\nderbbu dercc derdd deree derff dergg\n");
  const Outcome o = folder_->gshard("translate --model never_ends --beam 1 --json < in.txt");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr(R"("tokens":16,"cut":true)"));
  EXPECT_THAT(o.err, HasSubstr("line 2: its translation reached the most tokens that are written for it (15) and may "
                               "lack its end"));
}

TEST_F(TranslateCommand, JsonHasScores) {
  folder_->write("in.txt", "derbbu dercc\n\n");
  const Outcome o = folder_->gshard("translate --model m --from de --beam 3 --n-best 2 --json < in.txt");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr(R"("parts":[{"source":"derbbu dercc","n_best":[{"text":)"));
  EXPECT_THAT(o.out, HasSubstr(R"("log_probability":-)"));
  EXPECT_THAT(o.out, HasSubstr("\n{\"translation\":\"\",\"parts\":[]}\n"));
}

TEST_F(TranslateCommand, ScoresPairs) {
  folder_->write("pairs.tsv", "derbbu\tthebby\nde\ten\tderbbu\tthebby\n");
  const Outcome o = folder_->gshard("score --model m < pairs.tsv");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, ContainsRegex("^-[0-9.]+\n-[0-9.]+\n$"));
  EXPECT_EQ(o.out.substr(0, o.out.size() / 2), o.out.substr(o.out.size() / 2));
  EXPECT_THAT(o.err, HasSubstr("perplexity"));
  folder_->write("other.tsv", "a\tb\nit\ten\tderbbu\tthebby\n");
  const Outcome other = folder_->gshard("score --model m < other.tsv");
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.err, HasSubstr("line 2: m was not trained on it-en; it was on de-en, fr-en"));
  folder_->write("bad.tsv", "a\tb\nno tab\n");
  const Outcome bad = folder_->gshard("score --model m < bad.tsv");
  EXPECT_EQ(bad.exit_code, 3);
  EXPECT_THAT(bad.err, HasSubstr("line 2: it has not two columns"));
  folder_->write("long.tsv", "a\tb\na\t" + std::string(100, 'q') + "\n");
  const Outcome lengthy = folder_->gshard("score --model m < long.tsv");
  EXPECT_EQ(lengthy.exit_code, 3);
  EXPECT_THAT(lengthy.err, HasSubstr("line 2: its translation has 10"));
}

TEST_F(TranslateCommand, EvaluatesBesideBaselines) {
  const Outcome o = folder_->gshard("evaluate --model m --most 8 --beam 1 --out scores --expert-capacity 1");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("de-en"));
  EXPECT_THAT(o.out, HasSubstr("mean of languages"));
  EXPECT_THAT(o.out, HasSubstr("these figures compare runs on this text only, never with WMT or FLORES"));
  EXPECT_THAT(o.out,
              ContainsRegex("de-en: BLEU [0-9.]+ \\(gshard [^;]+; as sacrebleu "
                            "nrefs:1\\|case:mixed\\|eff:no\\|tok:13a\\|smooth:exp\\), test set sha256:[0-9a-f]+"));
  EXPECT_THAT(o.out, HasSubstr("sacrebleu scores/de-en.reference.txt -i scores/de-en.hypothesis.txt"));
  EXPECT_THAT(o.err, HasSubstr("of the choices of experts found no place"));
  EXPECT_EQ(folder_->shell("cat scores/fr-en.hypothesis.txt | wc -l").out,
            folder_->shell("cat scores/fr-en.reference.txt | wc -l").out);
  const auto scores = nlohmann::json::parse(folder_->shell("cat scores/scores.json").out);
  EXPECT_EQ(scores.at("directions").at(1).at("name"), "fr-en");
  EXPECT_TRUE(scores.at("share_dropped").is_number());
}

TEST_F(TranslateCommand, FilesOfAnEvaluationAreWhatWasTranslated) {
  const Outcome o = folder_->gshard("evaluate --model m --most 5 --beam 1 --out files");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  folder_->shell("grep '^de' c/test.tsv | head -n 5 > rows.tsv; cut -f 3 rows.tsv > in.txt");
  EXPECT_EQ(folder_->read("files/de-en.hypothesis.txt"), folder_->gshard("translate --model m --beam 1 < in.txt").out);
  EXPECT_EQ(folder_->read("files/de-en.reference.txt"), folder_->shell("cut -f 4 rows.tsv").out);
  EXPECT_THAT(o.out, HasSubstr("test set sha256:" + folder_->shell("sha256sum < rows.tsv").out.substr(0, 64)));
}

TEST_F(TranslateCommand, OriginsMayBeAnyText) {
  folder_->shell(
      "cp -r c d; awk -F '\\t' -v 'OFS=\\t' "
      "'{ $5 = NR % 3 == 0 ? \"de-en\" : NR % 3 == 1 ? \"a b\" : \"a_b\"; print }' c/test.tsv > d/test.tsv");
  const Outcome o = folder_->gshard("evaluate --model m --corpus d --beam 1 --out 'it'\\''s here'");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  for (const char* const stem : {"de-en", "fr-en", "de-en-2", "a_b", "a_b-2"}) {
    EXPECT_NE(folder_->read(std::string("it's here/") + stem + ".reference.txt"), "") << stem;
  }
  EXPECT_EQ(folder_->shell("cat \"it's here\"/{de-en-2,a_b,a_b-2}.reference.txt | sort").out,
            folder_->shell("cut -f 4 d/test.tsv | sort").out);
  EXPECT_THAT(o.out, HasSubstr(R"(sacrebleu 'it'\''s here/de-en-2.reference.txt' -i 'it'\''s here/de-en-2.hypo)"));

  folder_->shell("LC_ALL=C sed -i 's/a b$/a \\xff/' d/test.tsv");
  const Outcome bytes = folder_->gshard("evaluate --model m --corpus d --beam 1 --json");
  ASSERT_EQ(bytes.exit_code, 0) << bytes.err;
  EXPECT_EQ(nlohmann::json::parse(bytes.out).at("origins").at(0).at("name"), "a \ufffd");
}

TEST_F(TranslateCommand, EvaluatesAsJson) {
  const Outcome o = folder_->gshard("evaluate --model m --most 4 --beam 1 --json -q");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const auto json = nlohmann::json::parse(o.out);
  EXPECT_EQ(json.at("part"), "test");
  const auto& first = json.at("directions").at(0);
  EXPECT_EQ(first.at("name"), "de-en");
  EXPECT_EQ(first.at("rows"), 4);
  EXPECT_EQ(first.at("sha256").get<std::string>().size(), 64);
  EXPECT_GT(first.at("training_pairs"), 0);
  EXPECT_FALSE(json.at("origins").empty());
  const auto& chrf = first.at("model").at("chrf");
  EXPECT_LE(chrf.at("low"), chrf.at("score"));
  EXPECT_LE(chrf.at("score"), chrf.at("high"));
  EXPECT_TRUE(json.at("mean").at("copy").contains("bleu"));
  EXPECT_TRUE(json.at("thirds").is_null());  // two languages have none
  EXPECT_EQ(json.at("signature"), "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp");
  EXPECT_EQ(json.at("beam"), 1);
  EXPECT_EQ(json.at("alpha"), 0.8);
  EXPECT_LE(json.at("cut_sources"), 8);
  EXPECT_LE(json.at("cut_translations"), 8);
  EXPECT_TRUE(json.at("share_dropped").is_null());
}

TEST_F(TranslateCommand, SaysWhatIsWrong) {
  const Outcome language = folder_->gshard("translate --model m --from it < /dev/null");
  EXPECT_EQ(language.exit_code, 2);
  EXPECT_THAT(language.err, HasSubstr("m was not trained on it-*; it was on de-en, fr-en"));
  const Outcome model = folder_->gshard("translate --model c < /dev/null");
  EXPECT_EQ(model.exit_code, 3);
  EXPECT_THAT(model.err, HasSubstr("c is no model"));
  const Outcome endless = folder_->gshard("translate --model " + std::string(300, 'q') + " < /dev/null");
  EXPECT_EQ(endless.exit_code, 3);
  EXPECT_THAT(endless.err, HasSubstr("qq/config.toml: File name too long"));
  EXPECT_EQ(folder_->gshard("evaluate --model m --part train").exit_code, 2);
  const Outcome list = folder_->gshard("translate --model m --n-best 2 < /dev/null");
  EXPECT_EQ(list.exit_code, 2);
  EXPECT_THAT(list.err, HasSubstr("--n-best requires --json"));
}

}  // namespace
}  // namespace gshard
