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
}

TEST_F(TranslateCommand, EvaluatesAsJson) {
  const Outcome o = folder_->gshard("evaluate --model m --most 4 --beam 1 --json -q");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const auto json = nlohmann::json::parse(o.out);
  EXPECT_EQ(json.at("part"), "test");
  const auto& first = json.at("directions").at(0);
  EXPECT_EQ(first.at("name"), "de-en");
  EXPECT_EQ(first.at("rows"), 4);
  EXPECT_GT(first.at("training_pairs"), 0);
  EXPECT_FALSE(json.at("origins").empty());
  const auto& chrf = first.at("model").at("chrf");
  EXPECT_LE(chrf.at("low"), chrf.at("score"));
  EXPECT_LE(chrf.at("score"), chrf.at("high"));
  EXPECT_TRUE(json.at("mean").at("copy").contains("bleu"));
  EXPECT_TRUE(json.at("thirds").is_null());  // two languages have none
}

TEST_F(TranslateCommand, SaysWhatIsWrong) {
  const Outcome language = folder_->gshard("translate --model m --from it < /dev/null");
  EXPECT_EQ(language.exit_code, 2);
  EXPECT_THAT(language.err, HasSubstr("m was not trained on it-*; it was on de-en, fr-en"));
  const Outcome model = folder_->gshard("translate --model c < /dev/null");
  EXPECT_EQ(model.exit_code, 3);
  EXPECT_THAT(model.err, HasSubstr("c is no model"));
  EXPECT_EQ(folder_->gshard("evaluate --model m --part train").exit_code, 2);
}

}  // namespace
}  // namespace gshard
