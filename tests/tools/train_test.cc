// gshard train: from a TSV to a model, interrupted and resumed, and its wrong usage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "corpus/small_corpus.h"
#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::AllOf;
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

TEST(TrainCommand, ASignalSavesAndTheSameCommandGoesOn) {
  const Folder folder;
  make_corpus(folder);
  const Outcome ended = folder.shell(
      "$GSHARD train c.toml stop.steps=1000000 & pid=$!; while [ ! -e run/metrics.jsonl ]; do :; done; kill -TERM "
      "$pid; "
      "wait $pid");
  EXPECT_EQ(ended.exit_code, 143) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("the same command goes on from there"));
  const Outcome more = folder.gshard("train c.toml stop.steps=1000000 stop.minutes=0.001");
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_THAT(more.err, HasSubstr("going on after step"));
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
}

}  // namespace
}  // namespace gshard
