// The programs of a training run: a step, and the loss of text that is held out.
//
//   const TransformerOptions model = transformer_of(config, vocabularies);
//   CompiledModel training(step_of_training(config, model, numerics));
//   training.run(inputs_of(batch, {.learning_rate = 1e-3, .balance_weight = 0.01}))
//
// The loss of a step is the mean over the real tokens of its whole batch, however it is divided into micro-batches,
// plus the balance losses of all mixtures. Rates are inputs, for they follow the clock.
#pragma once

#include "corpus/vocabulary.h"
#include "model/train_step.h"
#include "runtime/compiled_model.h"
#include "train/train_config.h"

namespace gshard {

// The model with the sizes of its vocabularies. Throws Error(usage) where they do not go together.
TransformerOptions transformer_of(const TrainConfig& config, const Vocabularies& vocabularies);

// Of a resolved config's precision.
Numerics numerics_of(const TrainConfig& config);

ModelProgram step_of_training(const TrainConfig& config, const TransformerOptions& model, const Numerics& numerics);

// Results: log_likelihood f32 [rows,target_length], of each label in nats, and is_right pred of the same size, whether
// it is the likeliest. Nothing is dropped there, neither at random nor by experts without room.
ModelProgram likelihoods_on_dev(const TrainConfig& config, const TransformerOptions& model, const Numerics& numerics);

// What a step is given beside its batch.
struct StepRates {
  double learning_rate = 0;
  double balance_weight = 0;
  double share = 1;  // of the step's target tokens: those of a micro-batch
};

// Of a program on dev, and of a step (or one of its micro-batches).
NamedArrays inputs_of(const Batch& batch);
NamedArrays inputs_of(const Batch& batch, const StepRates& rates);

// The rows [first, first + rows) of a batch.
Batch rows_of(const Batch& batch, int64_t first, int64_t rows);

}  // namespace gshard
