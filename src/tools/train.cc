// gshard train: a model from a config and a corpus.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>

#include "tools/command.h"
#include "tools/dry_run.h"
#include "tools/notices.h"
#include "tools/terminal.h"
#include "tools/usage.h"
#include "train/progress_line.h"
#include "train/training_run.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "The config is a TOML file; 'gshard train --keys' lists what it may say. What follows it on the command\n"
    "line changes single settings. The run lives in the folder that 'output' names: an interrupted one goes\n"
    "on where it was when the same command is run again, and SIGTERM saves first (exit code 143).\n"
    "\n"
    "Examples:\n"
    "  gshard train examples/configs/demo.toml corpus=corpus output=run\n"
    "  gshard train mine.toml stop.minutes=2 model.experts=4\n"
    "  gshard train examples/configs/demo.toml --dry-run devices=4 batch.rows=32\n"
    "  gshard train mine.toml --init-from run/model output=fine-tuned";

struct Options {
  std::string config;
  std::vector<std::string> overrides;
  std::string init_from;
  std::string hlo;
  bool valid_only = false;
  bool dry_run = false;
  bool keys = false;
};

// Set by signals.
std::atomic<bool> stop = false;
volatile std::sig_atomic_t signal_number = 0;

// The second signal ends the process at once.
void ask_to_stop(int number) {
  signal_number = number;
  stop = true;
  std::signal(number, SIG_DFL);
}

std::string line_of(RunEnd end, const TrainingRun& run) {
  switch (end) {
    case RunEnd::budget:
      return fmt::format("done after {} steps; the model is {}\n", run.steps(), run.model_path());
    case RunEnd::patience:
      return fmt::format("stopped after {} steps, for dev got no better; the model is {}\n", run.steps(),
                         run.model_path());
    case RunEnd::interrupted:
      break;
  }
  const int64_t saved = run.saved_steps();
  return fmt::format("interrupted after {} steps; the same command goes on from {}\n", run.steps(),
                     saved == run.steps() ? "there" : fmt::format("step {}", saved));
}

// A model that the command line names is the one that is meant.
RunPurpose purpose_of(const Options& options) {
  if (!options.valid_only) return RunPurpose::train;
  return options.init_from.empty() ? RunPurpose::validate : RunPurpose::validate_initial;
}

int train(const Options& options) {
  TrainConfig config;
  Settings settings(settings_of(config));
  if (options.keys) {
    put(settings.text());
    return 0;
  }
  if (options.config.empty()) throw Error::usage("train: a config is missing (see 'gshard help train')");
  settings.read(options.config);
  for (const std::string& argument : options.overrides) settings.override_with(argument);
  if (!options.init_from.empty()) config.init_from = options.init_from;
  check(config, settings);
  resolve(config, settings);
  if (options.dry_run) {
    put(dry_run(config, options.hlo));
    return 0;
  }
  put_progress("compiling");
  TrainingRun run(config, settings.text(), terminal_notices(), purpose_of(options));
  if (options.valid_only) {
    put(progress_line(run.validate()) + "\n");
    return 0;
  }
  for (const int number : {SIGTERM, SIGINT}) std::signal(number, ask_to_stop);
  const RunEnd end = run.run(stop);
  put(line_of(end, run));
  return end == RunEnd::interrupted ? 128 + signal_number : 0;
}

}  // namespace

Command add_train(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "train", "Train a translation model on a corpus", kNotes);
  app->add_option("CONFIG", options->config, "A TOML file");
  app->add_option("KEY=VALUE", options->overrides, "Settings that differ from the file's");
  app->add_option("--init-from", options->init_from, "Begin with the weights of this model")->type_name("DIR");
  app->add_flag("--valid-only", options->valid_only,
                "Compute the loss of dev alone: of the newest checkpoint, or of the model of --init-from");
  CLI::Option* dry_run = app->add_flag("--dry-run", options->dry_run,
                                       "Build and partition a step, and say what it takes: memory, what is sent, time");
  app->add_option("--hlo", options->hlo, "With --dry-run: write the step's program, for gshard bench, stats and others")
      ->type_name("FILE")
      ->needs(dry_run);
  app->add_flag("--keys", options->keys, "List all settings with their defaults, as a config");
  return {app, [options] { return train(*options); }};
}

}  // namespace gshard
