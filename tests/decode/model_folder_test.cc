// Models on disk: written whole, read back, and what is said of folders that hold none.
#include "decode/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/import.h"
#include "corpus/make_vocabulary.h"
#include "corpus/small_corpus.h"
#include "ops/constants.h"
#include "scratch_folder.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kConfig = "corpus = 'c'\n[model]\nsize = 64\nexperts = 4\ndirections = ['de:en', 'sr-Latn:en']\n";

std::string error_of(const std::string& path) {
  try {
    ModelFolder folder(path);
  } catch (const Error& error) {
    return error.what();
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

TEST_F(ModelFolderTest, SaysWhatIsMissing) {
  EXPECT_THAT(error_of(folder_.path("nothing")), HasSubstr("is no model: it has no config.toml"));
  std::filesystem::remove(write(kConfig) + "/weights.safetensors");
  EXPECT_THAT(error_of(folder_.path("m")), HasSubstr("is no model: it has no weights.safetensors"));
  EXPECT_THAT(error_of(write("[model]\ndirections = ['de-en']\n")), HasSubstr("'de-en' is no direction"));
  EXPECT_THAT(error_of(write("[model]\nexperts = 1\nchoices = 2\n")), HasSubstr("choices is 2 of model.experts = 1"));
}

}  // namespace
}  // namespace gshard
