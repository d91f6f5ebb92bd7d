// gshard train: from a TSV to a model, interrupted and resumed, and its wrong usage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "corpus/small_corpus.h"
#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kTiny =
    "corpus = 'c'\noutput = 'run'\nprecision = 'f32'\nstop = {steps = 12}\n"
    "[model]\nsize = 16\nhidden = 32\nencoder_layers = 2\ndecoder_layers = 2\nheads = 2\nhead_size = 8\nexperts = 4\n"
    "expert_hidden = 32\ngroup_size = 32\nsource_length = 64\ntarget_length = 64\n"
    "[batch]\nrows = 4\n[evaluate]\nevery = 6\npairs = 8\nbleu_sentences = 0\n";

void make_corpus(const Folder& folder) {
  folder.write("t.tsv", made_up_rows(500));
  folder.write("c.toml", kTiny);
  const Outcome made = folder.shell(
      "$GSHARD corpus import t.tsv -o c -q && $GSHARD corpus vocab c --size 300 -q && $GSHARD corpus build c -q");
  ASSERT_EQ(made.exit_code, 0) << made.err;
}

TEST(TrainCommand, FromATsvToAModel) {
  const Folder folder;
  make_corpus(folder);
  const Outcome planned = folder.gshard("train c.toml --dry-run devices=2");
  EXPECT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_THAT(planned.out, AllOf(HasSubstr("work on a token"), HasSubstr("all-to-all"), HasSubstr("on each device")));
  const Outcome trained = folder.gshard("train c.toml");
  EXPECT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_EQ(trained.out, "done after 12 steps; the model is run/model\n");
  EXPECT_THAT(trained.err, AllOf(HasSubstr("computing in f32; expect "), HasSubstr("dev at step 12: loss ")));
  EXPECT_THAT(folder.read("run/config.toml"), HasSubstr("directions = [\"de:en\", \"fr:en\"]"));
  EXPECT_THAT(folder.gshard("train c.toml --valid-only").out, HasSubstr("dev at step 12: loss "));
  EXPECT_THAT(folder.gshard("train c.toml output=more --init-from run/model stop.steps=2").err,
              Not(HasSubstr("error")));
}

TEST(TrainCommand, ValidOnlyMeansTheModelThatIsNamed) {
  const Folder folder;
  make_corpus(folder);
  const Outcome nothing = folder.gshard("train c.toml --valid-only");
  EXPECT_EQ(nothing.exit_code, 2);
  EXPECT_THAT(nothing.err, HasSubstr("error: run has no checkpoint to validate"));
  EXPECT_FALSE(std::filesystem::exists(folder.path("run")));
  ASSERT_EQ(folder.gshard("train c.toml evaluate.every=0").exit_code, 0);
  ASSERT_EQ(folder.gshard("train c.toml output=short stop.steps=2 seed=2").exit_code, 0);
  // What the line says of the weights.
  const auto losses = [](const std::string& line) {
    const size_t begin = line.find(": loss ");
    return begin == std::string::npos ? line : line.substr(begin, line.find(" (took") - begin);
  };
  const std::string of_run = folder.gshard("train c.toml --valid-only").out;
  const std::string of_short = folder.gshard("train c.toml output=short --valid-only").out;
  ASSERT_NE(losses(of_run), losses(of_short));
  const std::string named = folder.gshard("train c.toml output=short --valid-only --init-from run/model").out;
  EXPECT_EQ(losses(named), losses(of_run)) << named;
}

TEST(TrainCommand, ASignalSavesAndTheSameCommandGoesOn) {
  const Folder folder;
  make_corpus(folder);
  const auto interrupted_by = [&](const std::string& signal, const std::string& output) {
    return folder.shell("$GSHARD train c.toml stop.steps=1000000 output=" + output + " & pid=$!; while [ ! -e " +
                        output + "/metrics.jsonl ]; do :; done; kill -" + signal + " $pid; wait $pid");
  };
  const Outcome by_hand = interrupted_by("INT", "other");
  EXPECT_EQ(by_hand.exit_code, 130) << by_hand.err;
  EXPECT_TRUE(std::filesystem::exists(folder.path("other/checkpoints")));
  const Outcome ended = interrupted_by("TERM", "run");
  EXPECT_EQ(ended.exit_code, 143) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("the same command goes on from there"));
  const Outcome more = folder.gshard("train c.toml stop.steps=1000000 stop.minutes=0.001");
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_THAT(more.err, HasSubstr("going on after step"));
}

TEST(TrainCommand, StepsWithoutFiniteGradientsEndTheRun) {
  const Folder folder;
  make_corpus(folder);
  const Outcome diverged = folder.gshard(
      "train c.toml stop.steps=500 optimizer.rate=1e30 optimizer.least_warmup=0 optimizer.clip_norm=0 evaluate.every=1 "
      "checkpoint.keep=1");
  EXPECT_EQ(diverged.exit_code, 5) << diverged.err;
  EXPECT_THAT(diverged.err,
              HasSubstr("error: the gradients of 20 steps on end were not finite, the last of them step"));
  EXPECT_THAT(diverged.err, HasSubstr("go on from run with a lower optimizer.rate"));
  EXPECT_THAT(folder.read("run/metrics.jsonl"), HasSubstr("\"skipped\":"));
  EXPECT_FALSE(std::filesystem::exists(folder.path("run/model"))) << "no model of such weights";
  const Outcome calmer = folder.gshard("train c.toml");
  EXPECT_EQ(calmer.exit_code, 0) << calmer.err;
  EXPECT_THAT(folder.gshard("train c.toml --valid-only").out, HasSubstr("dev at step 12: loss "));
}

TEST(TrainCommand, WhatTheMachineAndTheCorpusDoNotHave) {
  const Folder folder;
  make_corpus(folder);
  const Outcome slow =
      folder.shell("ONEDNN_MAX_CPU_ISA=AVX2 $GSHARD train c.toml precision=auto stop.steps=2 output=slow");
  EXPECT_EQ(slow.exit_code, 0) << slow.err;
  EXPECT_THAT(slow.err, ContainsRegex("on 1 device; avx2, [0-9]+ threads, computing in f32; expect [0-9,]+ source"));

  const Outcome large = folder.gshard("train c.toml batch.rows=4000000 output=large");
  EXPECT_EQ(large.exit_code, 4);
  EXPECT_THAT(large.err, ContainsRegex("error: a step takes about [0-9.]+ .iB, of [0-9.]+ .iB that may be used on this "
                                       "machine; lower batch.rows \\(4000000\\), raise batch.micro_batches"));
  EXPECT_FALSE(std::filesystem::exists(folder.path("large")));
  const Outcome planned = folder.gshard("train c.toml batch.rows=4000000 output=large --dry-run");
  EXPECT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_THAT(planned.out, ContainsRegex("warning +a step takes about [0-9.]+ .iB, of"));

  // The vocabulary of another corpus.
  folder.shell("cp -r c other && $GSHARD corpus vocab other --size 310 -q && cp c/*.tokens other");
  const Outcome other = folder.gshard("train c.toml corpus=other output=other_run");
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.err, HasSubstr("error: other/train.tokens was made with another vocabulary"));
  EXPECT_FALSE(std::filesystem::exists(folder.path("other_run")));

  const Outcome language = folder.gshard("train c.toml 'model.directions=[\"it:en\"]' output=italian");
  EXPECT_EQ(language.exit_code, 2);
  EXPECT_EQ(language.err, "error: model.directions has it:en, and those of c are de:en, fr:en\n");

  const Outcome model = folder.gshard("train c.toml --init-from runn/model output=typo");
  EXPECT_EQ(model.exit_code, 3);
  EXPECT_THAT(model.err, HasSubstr("error: runn/model is no model"));
  EXPECT_THAT(folder
                  .shell("$GSHARD corpus build other -q; rm other/dev.tokens; "
                         "$GSHARD train c.toml corpus=other output=other_run")
                  .err,
              HasSubstr("other has no dev.tokens; 'gshard corpus vocab other'"));
}

TEST(TrainCommand, ACorpusThatHoldsNothingOutTrains) {
  const Folder folder;
  folder.write("c.toml", kTiny);
  folder.write("t.tsv", made_up_rows(500));
  const Outcome made = folder.shell(
      "$GSHARD corpus import t.tsv -o c --hold-out 0 -q && $GSHARD corpus vocab c --size 300 -q && $GSHARD corpus "
      "build c "
      "-q");
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const Outcome trained = folder.gshard("train c.toml stop.steps=7");
  EXPECT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_THAT(trained.err, HasSubstr("c/dev.tokens has no pairs: nothing is evaluated"));
  EXPECT_EQ(trained.out, "done after 7 steps; the model is run/model\n");
  const Outcome nothing = folder.gshard("train c.toml --valid-only");
  EXPECT_EQ(nothing.exit_code, 3);
  EXPECT_THAT(nothing.err, HasSubstr("it has no pairs to evaluate on"));
}

TEST(TrainCommand, WrongUsage) {
  const Folder folder;
  folder.write("c.toml", kTiny);
  const Outcome unknown = folder.gshard("train c.toml model.experst=4");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_EQ(unknown.err, "error: 'model.experst=4': unknown key 'model.experst'; did you mean 'model.experts'?\n");
  folder.write("typo.toml", "base = 'c.toml'\n[batch]\nrows = '4'\n");
  EXPECT_EQ(folder.gshard("train typo.toml").err,
            "typo.toml:3:8: error: batch.rows must be a whole number\nrows = '4'\n       ^\n");
  EXPECT_THAT(folder.gshard("train").err, HasSubstr("a config is missing"));
  EXPECT_THAT(folder.gshard("train nothing.toml").err, HasSubstr("nothing.toml"));
  const Outcome without = folder.gshard("train c.toml");
  EXPECT_EQ(without.exit_code, 3);
  EXPECT_THAT(without.err, HasSubstr("c is no corpus"));
  EXPECT_THAT(folder.gshard("train --keys").out, HasSubstr("\n[model]\nsize = 256"));
  EXPECT_THAT(folder.gshard("train --keys").out, HasSubstr("# one of \"sinusoidal\", \"learned\"\n"));
}

}  // namespace
}  // namespace gshard
