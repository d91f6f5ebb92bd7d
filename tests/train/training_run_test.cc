// Whole runs of a tiny model: it learns, goes on exactly where it was, and is the same on any number of devices.
#include "train/training_run.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/build_tokens.h"
#include "corpus/import.h"
#include "corpus/make_vocabulary.h"
#include "corpus/small_corpus.h"
#include "corpus/text_lines.h"
#include "decode/model_folder.h"
#include "score/chrf.h"
#include "scratch_folder.h"

namespace gshard {
namespace {

using ::testing::HasSubstr;

class TrainingRunTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    ImportPlan plan_of_text{corpus(), {{folder_->write("t.tsv", made_up_rows(600)), "", {}, std::nullopt}}, {}, {}};
    plan_of_text.hold_out.share.dev_per_mille = 40;  // some of each language
    import_corpus(plan_of_text, be_silent);
    VocabularyPlan plan;
    plan.source_size = plan.target_size = 300;
    make_vocabularies(corpus(), plan, be_silent);
    build_tokens(corpus(), {1, ""}, be_silent);
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string corpus() { return folder_->path("c"); }

  static TrainConfig config(const std::string& output, int64_t steps) {
    TrainConfig config;
    config.corpus = corpus();
    config.output = folder_->path(output);
    config.precision = NumberPrecision::f32;
    TransformerOptions& model = config.model.transformer;
    model.encoder_layers = model.decoder_layers = 2;
    model.size = 16;
    model.hidden = 32;
    model.attention = {.heads = 2, .key_size = 8};
    model.moe.gating.experts = 4;
    model.moe.hidden = 32;
    model.moe.group_size = 32;
    config.model.source_length = config.model.target_length = 64;
    config.rows = 4;
    config.least_warmup = 5;
    config.rate = 5e-3;
    config.stop_steps = steps;
    config.evaluate_every = 0;
    config.evaluate_pairs = 8;
    config.bleu_sentences = 0;
    resolve(config);
    return config;
  }

  static Metrics train(const TrainConfig& config, const Notices& notices = {}) {
    TrainingRun run(config, "[model]\nsize = 16\n", notices);
    std::atomic<bool> stop = false;
    EXPECT_EQ(run.run(stop), RunEnd::budget);
    return read_metrics(config.output + "/metrics.jsonl");
  }

  static ScratchFolder* folder_;
};
ScratchFolder* TrainingRunTest::folder_ = nullptr;

// The losses of single steps.
std::vector<double> losses_of(const TrainConfig& config, int64_t steps, const Numerics& numerics = Numerics::single()) {
  const Vocabularies vocabularies = Vocabularies::load(config.corpus);
  const TokenFile tokens(token_path(config.corpus, Part::train));
  BatchReader reader(tokens, {.rows = config.rows,
                              .source_length = config.model.source_length,
                              .target_length = config.model.target_length,
                              .seed = 1});
  Trainer trainer(config, transformer_of(config, vocabularies), numerics);
  trainer.model().initialize(1);
  std::vector<double> losses;
  for (int64_t i = 0; i < steps; ++i) {
    losses.push_back(trainer.step(reader.next(), {.learning_rate = 2e-3, .balance_weight = 0.05}).loss);
  }
  return losses;
}

void expect_alike(const std::vector<double>& losses, const std::vector<double>& others, double tolerance) {
  ASSERT_EQ(losses.size(), others.size());
  for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(others[i] / losses[i], 1, tolerance) << "step " << i;
}

TEST_F(TrainingRunTest, LearnsAndLeavesAModel) {
  const TrainConfig config = this->config("learns", 60);
  const Metrics metrics = train(config);
  ASSERT_GE(metrics.steps.size(), 6u);
  EXPECT_LT(metrics.steps.back().nll, 0.9 * metrics.steps.front().nll);
  EXPECT_NEAR(metrics.steps.back().done, 1, 1e-12);
  ASSERT_EQ(metrics.evaluations.size(), 1u);
  EXPECT_LT(metrics.evaluations[0].loss, 6);
  EXPECT_EQ(metrics.steps.back().experts.size(), 2u);
  const ModelFolder model(config.output + "/model");
  EXPECT_EQ(model.config().transformer.size, 16);
  EXPECT_TRUE(ArrayArchive::open(model.weights_path())->names().contains("encoder/layer_1/moe/wi"));
}

TEST_F(TrainingRunTest, GoesOnWithTheBitsOfARunThatWasNeverInterrupted) {
  const TrainConfig whole = config("whole", 12);
  train(whole);
  TrainConfig parts = config("parts", 12);
  {
    TrainingRun run(parts, "", {});
    std::atomic<bool> stop = true;  // before the first step
    EXPECT_EQ(run.run(stop), RunEnd::interrupted);
  }
  parts.checkpoint_minutes = 0;  // after each step
  parts.keep = 12;
  train(parts);
  for (const int64_t later : {9, 10, 11, 12}) {
    std::filesystem::remove_all(fmt::format("{}/checkpoints/step-{:08}", parts.output, later));
  }
  train(parts);  // from step 8 on
  const std::string path = "/checkpoints/step-00000012/state.safetensors";
  const auto a = ArrayArchive::open(whole.output + path);
  const auto b = ArrayArchive::open(parts.output + path);
  for (const std::string name : {"decoder/embedding", "optimizer/v/encoder/layer_1/moe/wi"}) {
    const Shape shape(DType::f32, name[0] == 'd' ? Dims{300, 16} : Dims{4, 16, 32});
    EXPECT_EQ(a->read(name, shape), b->read(name, shape)) << name;
  }
}

// Rounding differs, and grows: what is equal in the first steps is alike in the fiftieth.
TEST_F(TrainingRunTest, IsTheSameOnSeveralDevices) {
  constexpr int64_t kSteps = 50;
  TrainConfig config = this->config("devices", 1);
  const std::vector<double> one = losses_of(config, kSteps);
  EXPECT_LT(one.back(), 0.95 * one.front());  // it did learn
  const auto expect_same = [&] {
    SCOPED_TRACE(config.devices);
    const std::vector<double> several = losses_of(config, kSteps);
    for (const size_t step : {0, 1, 2, 3, 4}) EXPECT_NEAR(several[step] / one[step], 1, 1e-5) << "step " << step;
    EXPECT_NEAR(several.back() / one.back(), 1, 0.01);
    EXPECT_NEAR(losses_of(config, kSteps, Numerics::mixed()).back() / one.back(), 1, 0.03);
  };
  expect_same();
  config.devices = 2;
  expect_same();
  config.devices = 4;
  config.mesh = {{"data", 2}, {"expert", 2}};
  expect_same();
}

TEST_F(TrainingRunTest, MicroBatchesMakeTheSameStep) {
  TrainConfig config = this->config("micro", 1);
  config.model.transformer.moe.gating.experts = 0;  // groups of half a batch drop other tokens
  const std::vector<double> whole = losses_of(config, 4);
  config.micro_batches = 2;
  expect_alike(whole, losses_of(config, 4), 1e-5);
}

TEST_F(TrainingRunTest, BeginsWithAModelThatIsThere) {
  const TrainConfig first = config("first", 30);
  const double loss = train(first).evaluations.back().loss;
  TrainConfig second = config("second", 1);
  second.init_from = first.output + "/model";
  TrainingRun run(second, "", {});
  EXPECT_NEAR(run.validate().loss, loss, 1e-4);
  second.model.transformer.hidden = 48;
  try {
    TrainingRun other(second, "", {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("its [model] must be the same"));
  }
}

TEST_F(TrainingRunTest, TheModelIsTheMeanOfCheckpoints) {
  TrainConfig config = this->config("mean", 6);
  config.evaluate_every = 3;
  config.average = 2;
  train(config);
  const Shape shape(DType::f32, {300, 16});
  const auto read = [&](const std::string& path) {
    return ArrayArchive::open(config.output + path)->read("decoder/embedding", shape);
  };
  const Literal a = read("/checkpoints/step-00000003/state.safetensors");
  const Literal b = read("/checkpoints/step-00000006/state.safetensors");
  const Literal mean = read("/model/weights.safetensors");
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_FLOAT_EQ(mean.values<float>()[i], (a.values<float>()[i] + b.values<float>()[i]) / 2);
  }
}

TEST_F(TrainingRunTest, StopsWhereNothingIsToBeGained) {
  TrainConfig config = this->config("patience", 50);
  config.rate = 0;
  config.evaluate_every = 2;
  config.patience = 3;
  TrainingRun run(config, "", {});
  std::atomic<bool> stop = false;
  EXPECT_EQ(run.run(stop), RunEnd::patience);
  EXPECT_EQ(run.steps(), 8);
}

TEST_F(TrainingRunTest, TheFirstStepHasARate) {
  const Metrics metrics = train(config("first_step", 1));
  EXPECT_DOUBLE_EQ(metrics.steps.at(0).learning_rate, 5e-3 / 5);  // of the steps of the least warm-up
}

TEST_F(TrainingRunTest, AllToAllsOfAStepAreCounted) {
  TrainConfig config = this->config("all_to_alls", 1);
  const auto count = [&] {
    return Trainer(config, transformer_of(config, Vocabularies::load(config.corpus)), Numerics::single()).all_to_alls();
  };
  EXPECT_EQ(count(), 0);
  config.devices = 2;
  const int64_t whole = count();
  EXPECT_GE(whole, 8);  // there and back, forwards and backwards, in two layers
  config.micro_batches = 2;
  EXPECT_EQ(count(), 2 * whole);
}

// ---- translations of dev

TEST_F(TrainingRunTest, DevIsTranslatedByTheWeightsInTraining) {
  TrainConfig config = this->config("translates", 80);
  config.bleu_sentences = 20;  // all that there are
  config.evaluate_share = 1;
  const Metrics metrics = train(config);
  const EvaluationRecord& record = metrics.evaluations.at(0);
  ASSERT_EQ(record.languages.size(), 2u);
  EXPECT_EQ(record.languages[0].direction, "de-en");
  EXPECT_GT(record.languages[0].training_pairs, record.languages[1].training_pairs);

  ModelFolder folder(config.output + "/model");
  TextTranslator translator(folder.vocabularies(), {.decoder = {.model = transformer_of(config, folder.vocabularies())},
                                                    .search = {.beam = 1},
                                                    .source_length = 64,
                                                    .target_length = 64});
  translator.translator().decoder().load_weights(folder.weights_path());
  std::vector<TextPair> rows;
  TextLines lines(part_path(config.corpus, Part::dev));
  for (std::string line; lines.next(line);) rows.push_back(parse_row(line).value());
  const std::vector<TranslatedLine> texts = translator.translate(rows);
  ChrfCounts all;
  for (size_t i = 0; i < rows.size(); ++i) all.add(chrf_counts(texts[i].text(), rows[i].target));
  EXPECT_GT(chrf(all), 0);
  EXPECT_DOUBLE_EQ(record.chrf, chrf(all));
  EXPECT_TRUE(std::isfinite(record.bleu));
  const auto [low, high] = std::minmax(record.languages[0].loss, record.languages[1].loss);
  EXPECT_LT(low, record.loss);
  EXPECT_GT(high, record.loss);
  EXPECT_EQ(record.languages[0].sentences + record.languages[1].sentences, std::ssize(rows));
}

TEST_F(TrainingRunTest, TranslatingLeavesTheTrainingAsItIs) {
  TrainConfig with = config("with", 6), without = config("without", 6);
  with.evaluate_every = without.evaluate_every = 2;
  with.bleu_sentences = 20;
  train(with);
  train(without);
  const std::string path = "/checkpoints/step-00000006/state.safetensors";
  const Shape shape(DType::f32, {300, 16});
  EXPECT_EQ(ArrayArchive::open(with.output + path)->read("decoder/embedding", shape),
            ArrayArchive::open(without.output + path)->read("decoder/embedding", shape));
}

TEST_F(TrainingRunTest, DevIsTranslatedOnTheDevicesOfTheTraining) {
  const auto scores = [&](const std::string& output, LayoutName layout, const NamedCounts& mesh) {
    TrainConfig config = this->config(output, 1);
    config.bleu_sentences = 20;
    config.layout = layout;
    config.mesh = mesh;
    config.devices = mesh.empty() ? 2 : 4;
    return train(config).evaluations.at(0);
  };
  for (const EvaluationRecord& record :
       {scores("on_experts", LayoutName::experts, {}), scores("on_data", LayoutName::data, {}),
        scores("on_tensor", LayoutName::tensor, {}),
        scores("on_mesh", LayoutName::experts, {{"data", 2}, {"expert", 2}})}) {
    EXPECT_EQ(record.languages.size(), 2u);
    EXPECT_TRUE(std::isfinite(record.bleu));
  }
}

TEST_F(TrainingRunTest, TranslatingTakesNoMoreThanItsShareOfTheTime) {
  TrainConfig config = this->config("share", 6);
  config.evaluate_every = 2;
  config.bleu_sentences = 20;
  config.evaluate_share = 1e-9;
  std::vector<std::string> lines;
  const Metrics metrics = train(config, {.line = [&](const std::string& line) { lines.push_back(line); }});
  ASSERT_EQ(metrics.evaluations.size(), 3u);
  EXPECT_TRUE(std::isfinite(metrics.evaluations[0].bleu));  // how long it takes is known afterwards
  for (const size_t later : {1, 2}) EXPECT_TRUE(std::isnan(metrics.evaluations[later].languages.at(0).bleu));
  EXPECT_THAT(lines, ::testing::Contains(HasSubstr("dev at step 4: none of ")).Times(1));
  EXPECT_THAT(lines, ::testing::Contains(HasSubstr("(evaluate.share)")).Times(1));
}

TEST_F(TrainingRunTest, OtherLanguagesThanTheCorpusHas) {
  TrainConfig config = this->config("languages", 1);
  config.model.directions = {"de:en", "it:en"};
  EXPECT_THROW(resolve(config), Error);
}

}  // namespace
}  // namespace gshard
