// Whole runs of a tiny model: it learns, goes on exactly where it was, and is the same on any number of devices.
#include "train/training_run.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "corpus/build_tokens.h"
#include "corpus/import.h"
#include "corpus/make_vocabulary.h"
#include "corpus/small_corpus.h"
#include "corpus/text_lines.h"
#include "decode/model_folder.h"
#include "runtime/file.h"
#include "score/chrf.h"
#include "scratch_folder.h"

namespace gshard {
namespace {

using ::testing::AllOf;
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
    resolve(config, Settings(settings_of(config)));
    return config;
  }

  static Metrics train(const TrainConfig& config, const Notices& notices = {}) {
    TrainingRun run(config, "[model]\nsize = 16\n", notices);
    std::atomic<bool> stop = false;
    EXPECT_EQ(run.run(stop), RunEnd::budget);
    return read_metrics(config.output + "/metrics.jsonl");
  }

  // Asks to stop in this step, which is at least the second.
  static void interrupt(const TrainConfig& config, int64_t step) {
    std::atomic<bool> stop = false;
    const std::string begin = fmt::format("step {:>6} ", step);
    TrainingRun run(config, "", {.status = [&](const std::string& line) { stop = stop || line.starts_with(begin); }});
    EXPECT_EQ(run.run(stop), RunEnd::interrupted);
    EXPECT_EQ(run.steps(), step);
  }

  // What is said where a run cannot go on so.
  static std::string error_of(const TrainConfig& config, int exit_code = 2) {
    try {
      TrainingRun run(config, "", {});
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), exit_code);
      return error.what();
    }
    return "";
  }

  static std::string checkpoint(const TrainConfig& config, int64_t step) {
    return fmt::format("{}/checkpoints/step-{:08}", config.output, step);
  }

  static void expect_exact_resumption(const std::string& name, const std::function<void(TrainConfig&)>& change);

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
  ASSERT_EQ(metrics.steps.back().experts.size(), 2u);
  EXPECT_EQ(metrics.steps.back().experts[0].layer, "encoder/layer_1");
  const ModelFolder model(config.output + "/model");
  EXPECT_EQ(model.config().transformer.size, 16);
  EXPECT_TRUE(ArrayArchive::open(model.weights_path())->names().contains("encoder/layer_1/moe/wi"));
}

// All that a checkpoint says but the time that it took.
std::string contents_of(const std::string& checkpoint) {
  std::string text = read_text(checkpoint + "/state.safetensors");
  std::istringstream lines(read_text(checkpoint + "/run.json"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(" \"seconds\"")) text += line + "\n";
  }
  return text;
}

void TrainingRunTest::expect_exact_resumption(const std::string& name,
                                              const std::function<void(TrainConfig&)>& change) {
  TrainConfig whole = config("whole_" + name, 8), parts = config("parts_" + name, 8);
  change(whole);
  change(parts);
  train(whole);
  interrupt(parts, 3);
  parts.checkpoint_minutes = 0;  // after each step
  parts.keep = 8;
  train(parts);
  for (const int64_t later : {6, 7, 8}) std::filesystem::remove_all(checkpoint(parts, later));
  train(parts);  // from step 5 on
  EXPECT_TRUE(contents_of(checkpoint(whole, 8)) == contents_of(checkpoint(parts, 8)));
}

TEST_F(TrainingRunTest, GoesOnWithTheBitsOfARunThatWasNeverInterrupted) {
  expect_exact_resumption("dropout", [](TrainConfig& config) { config.model.transformer.dropout = 0.1; });
}

TEST_F(TrainingRunTest, GoesOnWithItsBitsOnDevicesAndInMicroBatches) {
  expect_exact_resumption("divided", [](TrainConfig& config) {
    config.devices = 2;
    config.micro_batches = 2;
  });
}

TEST_F(TrainingRunTest, AnEvaluationThatWasDueIsMadeUpFor) {
  TrainConfig config = this->config("due", 8);
  config.evaluate_every = 4;
  interrupt(config, 4);
  const std::string metrics = config.output + "/metrics.jsonl";
  EXPECT_TRUE(read_metrics(metrics).evaluations.empty());
  EXPECT_TRUE(std::filesystem::exists(checkpoint(config, 4)));
  const Metrics all = train(config);
  ASSERT_EQ(all.evaluations.size(), 2u);
  EXPECT_EQ(all.evaluations[0].step, 4);
  EXPECT_EQ(all.evaluations[1].step, 8);
}

TEST_F(TrainingRunTest, ARunThatIsDoneOnlyHasItsModelWritten) {
  TrainConfig config = this->config("done", 4);
  const Metrics once = train(config);
  ASSERT_EQ(once.evaluations.size(), 1u);
  const std::string state = checkpoint(config, 4) + "/run.json";
  const auto written = std::filesystem::last_write_time(state);
  std::filesystem::remove_all(config.output + "/model");
  const Metrics twice = train(config);
  EXPECT_EQ(twice.evaluations.size(), 1u);
  EXPECT_EQ(twice.steps.back().step, 4);
  EXPECT_EQ(std::filesystem::last_write_time(state), written);
  EXPECT_EQ(ModelFolder(config.output + "/model").config().transformer.size, 16);
}

TEST_F(TrainingRunTest, HalfCheckpointsAreRemoved) {
  const TrainConfig config = this->config("half", 2);
  const std::string half = checkpoint(config, 7) + ".partial";
  std::filesystem::create_directories(half);
  train(config);
  EXPECT_FALSE(std::filesystem::exists(half));
}

TEST_F(TrainingRunTest, WhatARunGoesOnWithMustBeItsOwn) {
  const TrainConfig config = this->config("own", 2);
  train(config);
  EXPECT_EQ(error_of(config), "");
  TrainConfig other = config;
  other.model.transformer.encoder_layers = 1;
  EXPECT_THAT(error_of(other), AllOf(HasSubstr(config.output + " holds a run of another [model] or optimizer.rule"),
                                     HasSubstr("it has '"), HasSubstr("take another output")));
  other.model.transformer.encoder_layers = 3;
  EXPECT_THAT(error_of(other), HasSubstr("it has no '"));
  other = config;
  other.model.transformer.hidden = 48;
  EXPECT_THAT(error_of(other), HasSubstr("has other sizes"));
  other = config;
  other.rule = OptimizerRule::adafactor;
  EXPECT_THAT(error_of(other), HasSubstr("another [model] or optimizer.rule"));
  other = config;
  other.micro_batches = 2;
  EXPECT_THAT(error_of(other), HasSubstr("was trained with batch.micro_batches = 1 and the config says 2; say 1"));
  other = config;
  other.model.directions = {"de:en"};
  EXPECT_THAT(error_of(other), HasSubstr("was trained on other model.directions, de:en, fr:en"));
  other = config;
  other.corpus = folder_->path("other_vocabulary");
  std::filesystem::copy(config.corpus, other.corpus, std::filesystem::copy_options::recursive);
  VocabularyPlan plan;
  plan.source_size = plan.target_size = 310;
  make_vocabularies(other.corpus, plan, be_silent);
  build_tokens(other.corpus, {1, ""}, be_silent);
  EXPECT_THAT(error_of(other), HasSubstr("was trained with another vocabulary than that of " + other.corpus));
}

TEST_F(TrainingRunTest, TokensOfAnotherTextAreRefused) {
  TrainConfig config = this->config("stale", 2);
  const std::string corpus = folder_->path("other_text");
  std::filesystem::copy(config.corpus, corpus, std::filesystem::copy_options::recursive);
  config.corpus = corpus;
  EXPECT_EQ(error_of(config), "");
  std::string summary = read_text(corpus + "/corpus.json");
  char& digit = summary.at(summary.find("\"train\": \"") + 10);
  digit = digit == '0' ? '1' : '0';
  std::ofstream(corpus + "/corpus.json") << summary;
  EXPECT_THAT(error_of(config, 3), HasSubstr("train.tokens: the text of " + corpus +
                                             " has changed since it was made; run 'gshard corpus build " + corpus));
}

TEST_F(TrainingRunTest, TwoDoNotTrainInOneFolder) {
  const TrainConfig config = this->config("locked", 2);
  std::filesystem::create_directories(config.output);
  {
    const RunLock lock(config.output);
    EXPECT_THAT(error_of(config), HasSubstr("locked: another process trains there"));
  }
  EXPECT_EQ(error_of(config), "");
}

// Weights whose gradients are not finite are kept by no checkpoint, however often it is saved.
TEST_F(TrainingRunTest, AfterDivergenceItGoesOnFromSoundWeights) {
  TrainConfig config = this->config("diverges", 4);
  train(config);
  TrainConfig wild = config;
  wild.stop_steps = 60;
  wild.rate = 1e30;
  wild.least_warmup = 0;
  wild.clip_norm = 0;
  wild.checkpoint_minutes = 0;
  wild.keep = 1;
  {
    TrainingRun run(wild, "", {});
    const std::atomic<bool> stop = false;
    try {
      run.run(stop);
      FAIL() << "it did not diverge";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 5);
    }
    EXPECT_EQ(run.saved_steps(), 4) << "the best";
  }
  config.stop_steps = 6;
  const Metrics metrics = train(config);
  EXPECT_EQ(metrics.steps.back().step, 6);
  EXPECT_TRUE(std::isfinite(metrics.evaluations.back().loss));
}

TEST_F(TrainingRunTest, WhereTheBestCheckpointIsLostTheNextOneIsTheBest) {
  TrainConfig config = this->config("lost", 4);
  config.evaluate_every = 2;
  train(config);
  config.rate = 0;  // nothing gets better
  config.stop_steps = 6;
  train(config);
  ASSERT_TRUE(std::filesystem::remove_all(checkpoint(config, 4)) > 0);
  std::filesystem::remove_all(config.output + "/model");
  config.stop_steps = 8;
  train(config);
  EXPECT_TRUE(std::filesystem::exists(config.output + "/model/weights.safetensors"));
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

// ---- languages

TEST_F(TrainingRunTest, OtherLanguagesThanTheCorpusHas) {
  TrainConfig config = this->config("languages", 1);
  config.model.directions = {"de:en", "it:en"};
  try {
    resolve(config, Settings(settings_of(config)));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    EXPECT_THAT(error.what(), HasSubstr("model.directions has it:en, and those of"));
    EXPECT_THAT(error.what(), HasSubstr("are de:en, fr:en"));
  }
}

TEST_F(TrainingRunTest, SomeOfTheLanguagesOfTheCorpus) {
  TrainConfig config = this->config("some", 2);
  config.model.directions = {"fr:en"};
  resolve(config, Settings(settings_of(config)));
  EXPECT_EQ(config.model.directions, std::vector<std::string>{"fr:en"});
  config.bleu_sentences = 20;
  config.evaluate_share = 1;
  const Metrics metrics = train(config);
  ASSERT_EQ(metrics.evaluations.size(), 1u);
  ASSERT_EQ(metrics.evaluations[0].languages.size(), 1u) << "of the others nothing is measured";
  EXPECT_EQ(metrics.evaluations[0].languages[0].direction, "fr-en");
  EXPECT_GT(metrics.evaluations[0].languages[0].sentences, 0);
  EXPECT_EQ(error_of(config), "");
  config.model.directions = {"de:en", "fr:en"};
  EXPECT_THAT(error_of(config), HasSubstr("was trained on other model.directions, fr:en"));
}

}  // namespace
}  // namespace gshard
