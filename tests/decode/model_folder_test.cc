// Models on disk: written whole, read back, and what is said of folders that hold none.
#include "decode/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/import.h"
#include "corpus/make_vocabulary.h"
#include "corpus/small_corpus.h"
#include "decode/text_translator.h"
#include "ops/constants.h"
#include "scratch_folder.h"
#include "small_translator.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kConfig = "corpus = 'c'\n[model]\nsize = 64\nexperts = 4\ndirections = ['de:en', 'sr-Latn:en']\n";

std::string error_of(const std::string& path) {
  try {
    ModelFolder folder(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::program) << error.what();
    return error.report();
  }
  return "fine";
}

class ModelFolderTest : public ::testing::Test {
 protected:
  ModelFolderTest() {
    import_rows(folder_.path("c"), folder_.write("t.tsv", made_up_rows(300)));
    VocabularyPlan plan;
    plan.source_size = plan.target_size = 300;
    make_vocabularies(folder_.path("c"), plan, be_silent);
  }
  std::string write(const std::string& config) {
    const Literal w = full(Shape(DType::f32, {2, 3}), 1.5);
    write_model_folder(folder_.path("m"), {config, folder_.path("c"), {{"w", w.shape()}}, [&](size_t) { return w; }});
    return folder_.path("m");
  }

  ScratchFolder folder_;
};

TEST_F(ModelFolderTest, IsReadAsItWasWritten) {
  const ModelFolder folder(write(kConfig));
  EXPECT_EQ(folder.config().transformer.size, 64);
  EXPECT_EQ(folder.config().transformer.moe.gating.experts, 4);
  EXPECT_EQ(folder.config().transformer.source_vocabulary, 300);
  EXPECT_THAT(folder.directions(), ElementsAre(LanguagePair{"de", "en"}, LanguagePair{"sr-Latn", "en"}));
  const Literal w = ArrayArchive::open(folder.weights_path())->read("w", Shape(DType::f32, {2, 3}));
  EXPECT_EQ(w.values<float>()[5], 1.5f);
}

TEST_F(ModelFolderTest, ANewOneTakesTheOldOnesPlace) {
  write(kConfig);
  EXPECT_EQ(ModelFolder(write("[model]\nsize = 32\n")).config().transformer.size, 32);
  EXPECT_FALSE(std::filesystem::exists(folder_.path("m.partial")));
}

TEST_F(ModelFolderTest, LearnedPositionsAreThoseOfTheRowsOfTraining) {
  const std::string config =
      "[model]\nsize = 8\nhidden = 16\nencoder_layers = 1\ndecoder_layers = 1\nheads = 2\nhead_size = 4\n"
      "experts = 0\nexpert_hidden = 8\npositions = 'learned'\nsource_length = 24\ntarget_length = 16\n";
  TransformerOptions trained = ModelFolder(write(config)).config().transformer;
  trained.longest = 24;
  const NamedArrays weights = random_weights(Decoder({.model = trained}), 1);
  std::vector<ArrayEntry> entries;
  for (const auto& [name, value] : weights) entries.push_back({name, value.shape()});
  write_model_folder(folder_.path("m"),
                     {config, folder_.path("c"), entries, [&](size_t i) { return weights.at(entries[i].name); }});

  const ModelFolder folder(folder_.path("m"));
  TextTranslator translator(folder.vocabularies(), {.decoder = {.model = folder.config().transformer},
                                                    .search = {.beam = 1},
                                                    .source_length = 24,
                                                    .target_length = 16});
  translator.translator().decoder().load_weights(folder.weights_path());
  EXPECT_EQ(translator.translate({"derbbu dercc"}, {"de", "en"})[0].parts.size(), 1);

  trained.longest = 32;
  try {
    Decoder({.model = trained}).load_weights(folder.weights_path());
    FAIL() << "weights of another shape were taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("m/weights.safetensors: array 'decoder/positions': it is "));
  }
}

TEST_F(ModelFolderTest, SaysWhatIsMissing) {
  EXPECT_THAT(error_of(folder_.path("nothing")), HasSubstr("is no model: it has no config.toml"));
  for (const char* file : {"weights.safetensors", "vocabulary.json"}) {
    std::filesystem::remove(write(kConfig) + "/" + file);
    EXPECT_THAT(error_of(folder_.path("m")), HasSubstr(std::string("is no model: it has no ") + file));
  }
  std::filesystem::create_directories(folder_.path("run/model"));
  folder_.write("run/config.toml", "");
  folder_.write("run/model/weights.safetensors", "");
  EXPECT_THAT(error_of(folder_.path("run")), testing::EndsWith("run/model?"));
  folder_.write("m/vocabulary.json", R"({"format": "another"})");
  EXPECT_THAT(error_of(folder_.path("m")), HasSubstr("m/vocabulary.json: its format is not 'gshard vocabulary 1'"));
  EXPECT_THAT(error_of(write("[model]\ndirections = ['de-en']\n")), HasSubstr("'de-en' is no direction"));
  EXPECT_THAT(error_of(write("[model]\nexperts = 1\nchoices = 2\n")), HasSubstr("choices is 2 of model.experts = 1"));
  EXPECT_THAT(error_of(write("[model]\nsource_length = 7\n")),
              HasSubstr("m/config.toml:2:17: error: model.source_length is 7; it must be at least 8"));
  EXPECT_THAT(error_of(folder_.path(std::string(300, 'q'))), HasSubstr("qq/config.toml: File name too long"));
}

}  // namespace
}  // namespace gshard
