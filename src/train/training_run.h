// A whole training: from a config to a model, with what stands in between so that it can be interrupted anywhere.
//
//   resolve(config, settings);
//   TrainingRun run(config, settings.text(), terminal_notices());
//   const RunEnd end = run.run(stop);
//
// A run lives in the folder config.output: config.toml, metrics.jsonl, checkpoints/, and once it is done model/. Where
// checkpoints are there it goes on from the newest: with the same devices and a budget of steps or tokens the losses
// are those of a run that was never interrupted, to the bit.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "decode/model_folder.h"
#include "train/checkpoints.h"
#include "train/dev_translations.h"
#include "train/run_lock.h"
#include "train/run_log.h"
#include "train/trainer.h"

namespace gshard {

enum class RunEnd : uint8_t {
  budget,       // it is used up
  patience,     // dev got no better for as many evaluations as the config allows
  interrupted,  // it was asked to stop, and saved where it is
};

// What a run is made for.
enum class RunPurpose : uint8_t {
  train,
  validate,          // the newest checkpoint or, where there is none, the model to begin with
  validate_initial,  // the model to begin with, whatever checkpoints there are
};

// Settings that the machine and the corpus decide: the precision, and the languages, which are all of the corpus or
// those of them that the config names, in the corpus's order. Throws Error(usage), with the place that says so, where
// it names others.
void resolve(TrainConfig& config, const Settings& settings);

class TrainingRun {
 public:
  // Reads the corpus, compiles, and takes the weights of the newest checkpoint, of the model to begin with, or first
  // ones. Throws Error where the config does not fit the corpus, the checkpoint, that model or the memory, where
  // another process trains in the folder, and where there is nothing to validate; no folder is made before. The config
  // is a resolved one and must outlive the run.
  TrainingRun(const TrainConfig& config, std::string config_text, const Notices& notices,
              RunPurpose purpose = RunPurpose::train);

  // Trains, and writes the model unless it was interrupted. Ends after the step in which `stop` is set, before an
  // evaluation that is due. A run that was done before trains and evaluates nothing. Throws Error(diverged) where
  // gradients are not finite for many steps on end; checkpoints of weights that give such are gone then.
  RunEnd run(const std::atomic<bool>& stop);

  // The loss of dev by the weights that are there. Throws Error(program) where dev has no pairs.
  EvaluationRecord validate();

  int64_t steps() const { return state_.progressed.steps; }
  // Of the newest checkpoint, from which the next run goes on; 0 where there is none.
  int64_t saved_steps() const { return checkpoints_.newest().value_or(0); }
  std::string model_path() const { return config_.output + "/model"; }

 private:
  using Clock = std::chrono::steady_clock;

  // Where the run is before its first step here. Throws Error(usage) where the checkpoint is of other data.
  RunState first_state() const;
  void expect_fit(const std::vector<Parameter>& parameters) const;
  void restore(int64_t step);
  void begin();
  RunEnd train_until(const std::atomic<bool>& stop);
  bool is_evaluation_due() const;
  void train_step();
  void report(const StepRecord& record);
  void start_log();
  void evaluate();
  // Says once where the losses of dev take more of the time than translating may.
  void warn_of_losses(double seconds);
  // Does nothing where nothing changed since the last time, or the weights may be broken.
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
  const int64_t dev_pairs_;  // of the directions that are trained on
  const Checkpoints checkpoints_;
  std::unique_ptr<const RunLock> lock_;  // of a training, once its folder is there
  const RunPurpose purpose_;
  const std::optional<int64_t> newest_;         // the checkpoint that it goes on from
  const std::optional<ModelFolder> beginning_;  // or the model that it begins with
  RunState state_;
  Trainer trainer_;
  std::optional<DevTranslations> translations_;
  Progressed resumed_;  // what was done before this process
  std::optional<BatchReader> reader_;
  std::optional<RunLog> log_;  // from the second step on, when the speed is known
  std::vector<StepRecord> unlogged_;
  Clock::time_point counted_at_;
  double saved_at_ = 0;  // in seconds of training
  bool unsaved_ = false;
  bool is_sound_ = true;       // as far as the last gradients and the loss of dev by these weights, if known, can tell
  int64_t skipped_ = 0;        // on end
  int64_t losses_ = 0;         // of dev, that were computed
  double losses_seconds_ = 0;  // that all but the first took
  bool warned_of_losses_ = false;
};

}  // namespace gshard
