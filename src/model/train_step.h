// A step of training as one program, from a model's loss.
//
//   ModelProgram program = train_step("lm", {.layout = MeshLayout::experts(4)},
//                                     [&](Model& model) { return language_model(model, size, options); });
//
// It takes weights, state and a batch, and gives the next weights and state (in place), and then `loss` and the model's
// metrics.
#pragma once

#include <functional>

#include "model/optimizer.h"

namespace gshard {

// Declares inputs and weights, and returns the loss, a scalar.
using LossFunction = std::function<Tensor(Model&)>;

// The state "step" counts the steps; random numbers differ in each.
ModelProgram train_step(const std::string& name, const ModelOptions& options, const LossFunction& loss,
                        const OptimizerOptions& optimizer = {}, Here here = Here::current());

// The loss and the metrics alone, in Mode::evaluate.
ModelProgram evaluation(const std::string& name, ModelOptions options, const LossFunction& loss,
                        Here here = Here::current());

}  // namespace gshard
