#include "train/run_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scratch_folder.h"
#include "train/progress_line.h"

namespace gshard {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

StepRecord step_record(int64_t step) {
  return {.step = step,
          .done = 0.001 * static_cast<double>(step),
          .seconds = 0.5 * static_cast<double>(step),
          .loss = 4.25,
          .source_tokens = 1000,
          .target_tokens = 800,
          .milliseconds = 500,
          .learning_rate = 1.5e-3,
          .experts = {{"encoder/layer_1", {0.75, 0.25}, 0.031, 0.5}}};
}

TEST(ProgressLine, OfAStep) {
  EXPECT_EQ(progress_line(step_record(200)),
            "step    200  loss 4.250    2000 source tokens/s    500 ms/step  rate 1.5e-03  dropped  3.1%  balance 1.5  "
            "6:40 left");
}

TEST(ProgressLine, OfADenseModelSaysNothingOfExperts) {
  StepRecord record = step_record(1);
  record.experts.clear();
  EXPECT_THAT(progress_line(record), Not(HasSubstr("balance")));
}

TEST(ProgressLine, OfAnEvaluationWithoutTranslations) {
  EXPECT_EQ(progress_line(EvaluationRecord{.step = 1500, .took_seconds = 2.13, .loss = 4.1, .accuracy = 0.312}),
            "dev at step 1,500: loss 4.100, accuracy 31.2% (took 2.1 s)");
}

TEST(ProgressLine, OfTheBeginning) {
  EXPECT_EQ(
      progress_line(RunRecord{
          .step = 40, .name = "demo", .machine = "avx2", .parameters = 2000, .active_parameters = 1500, .devices = 4}),
      "demo: 2,000 weights, of which 1,500 work on a token, on 4 devices; avx2; going on after step 40");
}

std::vector<std::string> said_over(int64_t steps, const std::function<void(StepRecord&)>& change) {
  Alarms alarms;
  std::vector<std::string> said;
  for (int64_t step = 1; step <= steps; ++step) {
    StepRecord record = step_record(step);
    change(record);
    for (const std::string& text : alarms.add(record)) said.push_back(text);
  }
  return said;
}

TEST(Alarms, AreSilentWhileAllIsWell) {
  EXPECT_THAT(said_over(1000, [](StepRecord&) {}), IsEmpty());
}

TEST(Alarms, SayOnceThatTheLossDiverges) {
  const auto said = said_over(1000, [](StepRecord& r) { r.loss = r.step <= 100 ? 4 : 5; });
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_THAT(said[0], HasSubstr("the loss diverges: 5.00 over the last 50 steps, 4.00 at its best, at step 50"));
}

TEST(Alarms, SoundAgainAfterTheyWereOver) {
  EXPECT_THAT(said_over(400, [](StepRecord& r) { r.loss = r.step / 100 % 2 == 0 ? 4 : 5; }), SizeIs(2));
}

TEST(Alarms, NameTheLayerWhoseExpertsCollapse) {
  const auto said = said_over(300, [](StepRecord& r) {
    r.experts = {{"encoder/layer_1", {0.3, 0.3, 0.2, 0.2}, 0, 0}, {"decoder/layer_3", {0.97, 0.01, 0.01, 0.01}, 0, 0}};
  });
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_THAT(said[0], HasSubstr("experts collapse: in decoder/layer_3 3 of 4 "));
}

TEST(Alarms, LetExpertsSettleFirst) {
  EXPECT_THAT(said_over(150, [](StepRecord& r) { r.experts = {{"layer", {1, 0, 0, 0}, 0, 0}}; }), IsEmpty());
}

TEST(Alarms, SayThatInputIsTheBottleneck) {
  const auto said = said_over(50, [](StepRecord& r) { r.waiting_milliseconds = 200; });
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_THAT(said[0], HasSubstr("the input is the bottleneck: 40% of a step"));
}

TEST(Alarms, CountStepsThatWereNotFinite) {
  const auto said = said_over(50, [](StepRecord& r) {
    r.skipped = r.step % 5 == 0 ? 1 : 0;
    if (r.skipped > 0) r.loss = kUnknown;
  });
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_THAT(said[0], HasSubstr("the gradients of 10 of the last 50 steps were not finite"));
}

std::vector<int64_t> steps_in(const ScratchFolder& folder) {
  std::vector<int64_t> steps;
  for (const StepRecord& r : read_metrics(folder.path("metrics.jsonl")).steps) steps.push_back(r.step);
  return steps;
}

TEST(RunLog, RecordsMeansAndEndsThemWhereACheckpointIsSaved) {
  ScratchFolder folder;
  RunLog log({.folder = folder.path(""), .every = 10});
  for (int64_t step = 1; step <= 25; ++step) {
    log.step(step_record(step));
    if (step == 13) log.flush();
  }
  log.finish();
  EXPECT_THAT(steps_in(folder), ElementsAre(10, 13, 20, 25));
}

TEST(RunLog, SaysALineNowAndThenWithoutATerminal) {
  ScratchFolder folder;
  std::vector<std::string> lines;
  const auto keep = [&](const std::string& line) { lines.push_back(line); };
  RunLog log({.folder = folder.path(""), .line_seconds = 5, .notices = {.line = keep}});
  for (int64_t step = 1; step <= 21; ++step) log.step(step_record(step));
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_THAT(lines[0], HasSubstr("step      1 "));
  EXPECT_THAT(lines[1], HasSubstr("step     11 "));
  EXPECT_THAT(lines[2], HasSubstr("step     21 "));
}

TEST(RunLog, DamagedMetricsAreNoReasonToStop) {
  ScratchFolder folder;
  folder.write("metrics.jsonl", "{\"kind\":\"step\",\"step\":1}\n{{{\n{\"kind\":\"step\",\"step\":3}\n");
  std::vector<std::string> warnings;
  RunLog log({.folder = folder.path(""), .resumed_at = 5, .notices = {.warning = [&](const std::string& text) {
                                                            warnings.push_back(text);
                                                          }}});
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_THAT(warnings[0], testing::AllOf(HasSubstr("line 2"), HasSubstr("metrics.jsonl.damaged")));
  EXPECT_THAT(folder.read("metrics.jsonl.damaged"), HasSubstr("{{{"));
  log.step(step_record(6));
  log.finish();
  EXPECT_THAT(steps_in(folder), ElementsAre(6));
}

TEST(RunLog, KeepsAlarms) {
  ScratchFolder folder;
  std::vector<std::string> warnings;
  RunLog log(
      {.folder = folder.path(""), .notices = {.warning = [&](const std::string& text) { warnings.push_back(text); }}});
  for (int64_t step = 1; step <= 100; ++step) {
    StepRecord record = step_record(step);
    record.waiting_milliseconds = 400;
    log.step(record);
  }
  EXPECT_THAT(warnings, SizeIs(1));
  EXPECT_THAT(read_metrics(folder.path("metrics.jsonl")).alarms, SizeIs(1));
}

}  // namespace
}  // namespace gshard
