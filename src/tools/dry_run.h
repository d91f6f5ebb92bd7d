// gshard train --dry-run: what a training would take, without training.
#pragma once

#include <string>

#include "train/train_config.h"

namespace gshard {

// Builds and partitions a step of training, as text. The config is a resolved one. Writes the step's program, whole and
// with its annotations, to a file where `hlo` is not "".
std::string dry_run(const TrainConfig& config, const std::string& hlo);

}  // namespace gshard
