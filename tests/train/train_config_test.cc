// Configs of training: what does not go together is refused, with its place.
#include "train/train_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scratch_folder.h"

namespace gshard {
namespace {

using ::testing::HasSubstr;

std::string report_of(const std::string& text) {
  const ScratchFolder folder;
  TrainConfig config;
  Settings settings(settings_of(config));
  try {
    settings.read(folder.write("c.toml", text));
    check(config, settings);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    const std::string report = error.report();
    const size_t at = report.find("c.toml");
    return report.substr(at == std::string::npos ? 0 : at);
  }
  return "fine";
}

TEST(TrainConfig, WhatDoesNotGoTogether) {
  EXPECT_EQ(report_of("stop = {steps = 10}\n"), "fine");
  EXPECT_EQ(report_of("seed = 2\n"), "error: the run has no budget; say stop = {minutes = 6}, or steps, or tokens");
  EXPECT_EQ(report_of("stop.steps = 10\n[batch]\nrows = 30\n[model]\ngroup_size = 16\n"), "fine");
  EXPECT_EQ(report_of("devices = 4\nstop.steps = 10\n[batch]\nrows = 30\n"),
            "c.toml:4:8: error: 30 rows cannot be divided among 4 devices; take 32\nrows = 30\n       ^");
  EXPECT_THAT(report_of("stop.steps = 10\nbatch = {rows = 30, micro_batches = 4}\n"),
              HasSubstr("30 rows cannot be divided among 1 devices in 4 micro-batches; take 32"));
  EXPECT_THAT(
      report_of("stop.steps = 10\ndevices = 8\nbatch.rows = 8\nmodel.group_size = 512\n"),
      HasSubstr("c.toml:4:20: error: 8 rows of 96 source tokens are no whole number of groups of 512 on each of "
                "8 devices; take a divisor of 96"));
  EXPECT_THAT(report_of("stop.steps = 10\nmodel.choices = 9\n"), HasSubstr("model.choices is 9 of model.experts = 8"));
  EXPECT_THAT(report_of("stop.steps = 10\ndevices = 4\nmesh = {data = 2, expert = 4}\n"),
              HasSubstr("the mesh has 8 devices and 'devices' is 4"));
  EXPECT_THAT(report_of("stop.steps = 10\ndevices = 2\nmesh = {dta = 2}\n"),
              HasSubstr("known are data, expert, model"));
  EXPECT_THAT(report_of("stop.steps = 10\nmodel.experst = 4\n"), HasSubstr("did you mean 'model.experts'?"));
}

TEST(TrainConfig, SizesThatNoModelHas) {
  EXPECT_THAT(report_of("stop.steps = 10\nmodel.encoder_layers = 100000000\n"),
              HasSubstr("c.toml:2:24: error: model.encoder_layers is 100000000; it must be at most 1000"));
  EXPECT_THAT(report_of("stop.steps = 10\nmodel.size = 99999999999\n"), HasSubstr("it must be at most 1048576"));
  EXPECT_THAT(report_of("stop.steps = 10\nmodel.experts = 99999999999\n"), HasSubstr("it must be at most 65536"));
}

TEST(TrainConfig, CombinationsThatMeanNothing) {
  EXPECT_THAT(report_of("stop.steps = 10\ndevices = 2\nlayout = 'data'\nmesh = {data = 2}\n"),
              HasSubstr("c.toml:3:10: error: the names of a mesh's axes say what they cut; leave out layout, or the "
                        "mesh"));
  EXPECT_EQ(report_of("stop.steps = 10\ndevices = 2\nlayout = 'experts'\nmesh = {data = 2}\n"), "fine")
      << "what a resolved config says";
  EXPECT_THAT(report_of("stop.steps = 10\nstop.patience = 3\nevaluate.every = 0\n"),
              HasSubstr("c.toml:2:17: error: stop.patience is 3 and evaluate.every is 0"));
  EXPECT_THAT(report_of("stop.steps = 10\noptimizer.beta1 = 1\n"),
              HasSubstr("optimizer.beta1 is 1; it must be at most"));
  EXPECT_THAT(report_of("stop.steps = 10\noptimizer.beta2 = 1\n"),
              HasSubstr("optimizer.beta2 is 1; it must be at most"));
  EXPECT_THAT(report_of("stop.steps = 10\noptimizer.warmup = 1\n"),
              HasSubstr("optimizer.warmup is 1; it must be at most 0.99"));
}

TEST(TrainConfig, AxesOfAMesh) {
  TrainConfig config;
  config.devices = 8;
  config.mesh = {{"data", 2}, {"expert", 2}, {"model", 2}};
  const MeshLayout layout = layout_of(config);
  EXPECT_EQ(layout.parts("batch"), 4);
  EXPECT_EQ(layout.parts("expert"), 2);
  EXPECT_EQ(layout.parts("ff"), 2);
  config.mesh = {{"data", 8}};
  EXPECT_EQ(layout_of(config).parts("expert"), 8);
  config.mesh = {{"model", 8}};
  EXPECT_EQ(layout_of(config).parts("batch"), 1);
}

TEST(TrainConfig, ADenseTwinHasNoGroups) {
  EXPECT_EQ(report_of("stop.steps = 10\nmodel = {experts = 0, group_size = 17}\n"), "fine");
}

}  // namespace
}  // namespace gshard
