// The model of a training run on its devices: steps, and the loss of text that is held out.
//
//   Trainer trainer(config, transformer_of(config, vocabularies), numerics_of(config));
//   trainer.model().initialize(1);
//   const StepRecord record = trainer.step(batch, {.learning_rate = 1e-3, .balance_weight = 0.01});
//   trainer.loss_of(dev, 1000).loss
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "train/held_out_loss.h"
#include "train/metrics.h"
#include "train/training_program.h"

namespace gshard {

class Trainer {
 public:
  // Compiles a step. Weights have no values yet. Throws Error(memory) where the machine has too little. What `check`
  // throws of the step's weights and state is thrown before it is compiled, for that takes long.
  Trainer(const TrainConfig& config, const TransformerOptions& model, const Numerics& numerics,
          const std::function<void(const std::vector<Parameter>&)>& check = {});

  // Weights and the optimiser's state.
  CompiledModel& model() { return training_; }
  const CompiledModel& model() const { return training_; }

  // One step of training, in as many micro-batches as the config says. What the record says of time is left out.
  StepRecord step(const Batch& batch, const StepRates& rates);

  // Of a step, in all its micro-batches.
  int64_t all_to_alls() const;

  // Over so many pairs of a file, of the directions that the model is trained on. Throws Error(program) where it has
  // none.
  HeldOutLoss loss_of(const TokenFile& tokens, int64_t pairs);

 private:
  const TrainConfig& config_;
  TransformerOptions model_;
  Numerics numerics_;
  CompiledModel training_;
  std::optional<CompiledModel> dev_;  // compiled when it is first needed
};

}  // namespace gshard
