#include "train/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "scratch_folder.h"
#include "train/metrics_file.h"

namespace gshard {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

StepRecord step_record(int64_t step) {
  return {.step = step,
          .done = 0.25,
          .seconds = 0.5 * static_cast<double>(step),
          .loss = 8.0 / static_cast<double>(step),
          .nll = 7.5,
          .source_tokens = 1000,
          .target_tokens = 800,
          .milliseconds = 500,
          .waiting_milliseconds = 5,
          .learning_rate = 1e-3,
          .gradient_norm = 0.7,
          .experts = {{"encoder/layer_1", {0.75, 0.25}, 0.1, 0.5}, {"decoder/layer_1", {0.5, 0.5}, 0.3, 0.6}}};
}

std::vector<int64_t> steps_of(const Metrics& metrics) {
  std::vector<int64_t> steps;
  for (const StepRecord& record : metrics.steps) steps.push_back(record.step);
  return steps;
}

TEST(StepRecord, SpeedDropsAndImbalanceFollowFromIt) {
  const StepRecord record = step_record(1);
  EXPECT_DOUBLE_EQ(record.source_tokens_per_second(), 2000);
  EXPECT_DOUBLE_EQ(record.target_tokens_per_second(), 1600);
  EXPECT_DOUBLE_EQ(record.dropped(), 0.2);
  EXPECT_DOUBLE_EQ(record.imbalance(), 1.5);
}

TEST(StepRecord, OfADenseModelHasNoExperts) {
  EXPECT_TRUE(std::isnan(StepRecord{}.dropped()));
  EXPECT_TRUE(std::isnan(StepRecord{}.imbalance()));
}

TEST(ExpertRecord, ThoseOfTheEncoderComeFirstAndNineBeforeEleven) {
  std::vector<ExpertRecord> layers = {
      {.layer = "decoder/layer_1"}, {.layer = "encoder/layer_11"}, {.layer = "encoder/layer_9"}};
  std::ranges::sort(layers, comes_before);
  EXPECT_EQ(layers[0].layer, "encoder/layer_9");
  EXPECT_EQ(layers[1].layer, "encoder/layer_11");
  EXPECT_EQ(layers[2].layer, "decoder/layer_1");
}

TEST(MeanOf, WeighsByStepsAndSumsTokens) {
  StepRecord first = step_record(2), second = step_record(3);
  first.steps = 3;
  first.loss = 1;
  second.loss = 5;
  second.experts[0].loads = {0.25, 0.75};
  const StepRecord mean = mean_of(std::vector{first, second});
  EXPECT_EQ(mean.step, 3);
  EXPECT_EQ(mean.steps, 4);
  EXPECT_DOUBLE_EQ(mean.loss, 2);
  EXPECT_EQ(mean.target_tokens, 1600);
  EXPECT_THAT(mean.experts[0].loads, ElementsAre(0.625, 0.375));
  EXPECT_DOUBLE_EQ(mean.source_tokens_per_second(), 1000);
}

TEST(MeanOf, LeavesOutWhatIsUnknown) {
  StepRecord first = step_record(1), second = step_record(2);
  first.gradient_norm = kUnknown;
  first.nll = second.nll = kUnknown;
  const StepRecord mean = mean_of(std::vector{first, second});
  EXPECT_DOUBLE_EQ(mean.gradient_norm, second.gradient_norm);
  EXPECT_TRUE(std::isnan(mean.nll));
}

TEST(MetricsFile, KeepsEveryField) {
  ScratchFolder folder;
  MetricsFile file(folder.path("metrics.jsonl"), 0);
  file.add(RunRecord{.name = "demo", .config = "a = \"b\"\n", .machine = "avx512", .parameters = 5, .all_to_alls = 8});
  file.add(step_record(7));
  file.add(EvaluationRecord{.step = 7,
                            .seconds = 3.5,
                            .took_seconds = 0.1,
                            .loss = 4.5,
                            .accuracy = 0.25,
                            .bleu = 1.5,
                            .chrf = 20,
                            .languages = {{"de-en", 1000, 64, 4.25, 2.5, 21}}});
  file.add(AlarmRecord{7, "the loss rises"});
  const Metrics read = read_metrics(folder.path("metrics.jsonl"));
  ASSERT_EQ(read.runs.size(), 1u);
  EXPECT_EQ(read.runs[0].config, "a = \"b\"\n");
  EXPECT_EQ(read.runs[0].all_to_alls, 8);
  ASSERT_EQ(read.steps.size(), 1u);
  EXPECT_EQ(read.steps[0].loss, 8.0 / 7);
  EXPECT_EQ(read.steps[0].experts[1].layer, "decoder/layer_1");
  EXPECT_THAT(read.steps[0].experts[0].loads, ElementsAre(0.75, 0.25));
  EXPECT_TRUE(std::isnan(read.steps[0].auxiliary));
  ASSERT_EQ(read.evaluations.size(), 1u);
  EXPECT_EQ(read.evaluations[0].languages[0].direction, "de-en");
  EXPECT_EQ(read.evaluations[0].languages[0].training_pairs, 1000);
  ASSERT_EQ(read.alarms.size(), 1u);
  EXPECT_EQ(read.alarms[0].text, "the loss rises");
}

TEST(MetricsFile, WhoResumesDropsLaterStepsAndHalfALine) {
  ScratchFolder folder;
  const std::string path = folder.path("metrics.jsonl");
  {
    MetricsFile file(path, 0);
    for (const int64_t step : {10, 20, 30}) file.add(step_record(step));
    file.add(EvaluationRecord{.step = 30});
  }
  folder.write("metrics.jsonl", folder.read("metrics.jsonl") + "{\"kind\":\"step\",\"st");
  EXPECT_THAT(steps_of(read_metrics(path)), ElementsAre(10, 20, 30));
  MetricsFile(path, 20).add(step_record(21));
  EXPECT_THAT(steps_of(read_metrics(path)), ElementsAre(10, 20, 21));
  EXPECT_TRUE(read_metrics(path).evaluations.empty());
}

TEST(MetricsFile, ABeginningRunKeepsNothing) {
  ScratchFolder folder;
  MetricsFile(folder.path("metrics.jsonl"), 0).add(step_record(5));
  MetricsFile(folder.path("metrics.jsonl"), 0).add(step_record(1));
  EXPECT_THAT(steps_of(read_metrics(folder.path("metrics.jsonl"))), ElementsAre(1));
}

TEST(MetricsFile, DamageInTheMiddleIsAnErrorWithItsLine) {
  ScratchFolder folder;
  const std::string path = folder.write("metrics.jsonl", "{\"kind\":\"step\",\"step\":1}\n{{{\n{\"kind\":\"step\"}\n");
  try {
    read_metrics(path);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("line 2"));
  }
}

}  // namespace
}  // namespace gshard
