// A whole training: from a config to a model, with what stands in between so that it can be interrupted anywhere.
//
//   resolve(config);
//   TrainingRun run(config, settings.text(), terminal_notices());
//   const RunEnd end = run.run(stop);
//
// A run lives in the folder config.output: config.toml, metrics.jsonl, checkpoints/, and once it is done model/. Where
// checkpoints are there it goes on from the newest: with the same devices and a budget of steps or tokens the losses
// are those of a run that was never interrupted, to the bit.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoints.h"
#include "train/dev_translations.h"
#include "train/run_log.h"
#include "train/trainer.h"

namespace gshard {

enum class RunEnd : uint8_t {
  budget,       // it is used up
  patience,     // dev got no better for as many evaluations as the config allows
  interrupted,  // it was asked to stop, and saved where it is
};

// Settings that the machine and the corpus decide: the precision, and the languages. Throws Error(usage) where the
// config names others than the corpus has.
void resolve(TrainConfig& config);

class TrainingRun {
 public:
  // Reads the corpus, compiles, and takes the weights of the newest checkpoint, of the model to begin with, or first
  // ones. Throws Error where the config does not fit the corpus, that model or the memory; nothing is written before.
  // The config is a resolved one and must outlive the run.
  TrainingRun(const TrainConfig& config, std::string config_text, const Notices& notices);

  // Trains, and writes the model unless it was interrupted. Ends after the step in which `stop` is set. Throws
  // Error(diverged) where gradients are not finite for many steps on end.
  RunEnd run(const std::atomic<bool>& stop);

  // The loss of dev by the weights that are there. Throws Error(program) where dev has no pairs.
  EvaluationRecord validate();

  int64_t steps() const { return state_.progressed.steps; }
  std::string model_path() const { return config_.output + "/model"; }

 private:
  using Clock = std::chrono::steady_clock;

  void restore(int64_t step);
  void begin();
  void train_step();
  void report(const StepRecord& record);
  void start_log();
  void evaluate();
  void save();
  void write_model() const;
  StepRates rates(const Batch& batch) const;
  RunRecord about() const;
  // Counts the time since it was last counted as time of training.
  void count_time();

  const TrainConfig& config_;
  const std::string config_text_;
  const Notices notices_;
  const Budget budget_;
  const Vocabularies vocabularies_;
  const TokenFile train_;
  const TokenFile dev_;
  const TransformerOptions model_;
  const Checkpoints checkpoints_;
  Trainer trainer_;
  RunState state_;
  std::optional<DevTranslations> translations_;
  Progressed resumed_;  // what was done before this process
  std::optional<BatchReader> reader_;
  std::optional<RunLog> log_;  // from the second step on, when the speed is known
  std::vector<StepRecord> unlogged_;
  Clock::time_point counted_at_;
  double saved_at_ = 0;        // in seconds of training
  int64_t evaluated_at_ = -1;  // steps
  int64_t skipped_ = 0;        // on end
};

}  // namespace gshard
