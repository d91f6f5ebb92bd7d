// The train steps that are timed: whole ones, with optimiser and softmax, of translation models by src/model.
//
//   const StepModel& model = step_models()[0];
//   ModelProgram program = step_program(model, {.numerics = Numerics::mixed()});
#pragma once

#include <string>
#include <vector>

#include "model/train_step.h"
#include "model/transformer.h"

namespace gshard::bench {

struct StepModel {
  std::string name;
  TransformerOptions options;
  int64_t rows = 0;  // of a batch
  int64_t source_length = 0;
  int64_t target_length = 0;
  int64_t target_tokens() const { return rows * target_length; }
};

// With experts in every other layer.
std::vector<StepModel> step_models();
// The same layers with feed-forward layers of as many operations where the experts are.
StepModel dense_twin(StepModel model);

ModelProgram step_program(const StepModel& model, const ModelOptions& options);

// Weights and state as they begin, and a batch of made-up tokens, each row one sequence.
std::vector<Literal> step_arguments(const StepModel& model, const ModelProgram& program);

}  // namespace gshard::bench
