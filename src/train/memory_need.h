// Whether a training fits the memory of the machine: asked before it is compiled, for that takes long, and before
// anything is allocated.
//
//   if (const auto lack = lack_of_memory(config, step)) warn(*lack);
//   check_memory(config, step_of_training(config, model, numerics));
#pragma once

#include <optional>
#include <string>

#include "model/model.h"
#include "train/train_config.h"

namespace gshard {

// The figures and the settings to lower, where weights, the optimiser's state and what a step holds on the way take
// more than may be used on this machine: all devices are threads of one process.
std::optional<std::string> lack_of_memory(const TrainConfig& config, const ModelProgram& step);

// Throws Error(memory) that says so.
void check_memory(const TrainConfig& config, const ModelProgram& step);

}  // namespace gshard
