// gshard train --dry-run: what a training would take, without training.
#pragma once

#include <string>

#include "train/train_config.h"

namespace gshard {

// Builds and partitions a step of training, as text. The config is a resolved one.
std::string dry_run(const TrainConfig& config);

}  // namespace gshard
