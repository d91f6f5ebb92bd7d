// Beginning a training with a model that is there: fine-tuning, also for languages that it has not seen.
#pragma once

#include <string>
#include <vector>

#include "decode/model_folder.h"
#include "runtime/compiled_model.h"
#include "train/train_config.h"

namespace gshard {

// Throws Error(usage) where the model's weights are not of the names and sizes of these parameters. Rows of embeddings
// are as many as its own vocabularies have pieces.
void expect_weights_of(const ModelFolder& folder, const std::vector<Parameter>& parameters);

// Gives `training`, which has its first weights, those of the model, which fit. Rows of embeddings go by the pieces of
// the vocabularies: pieces that the model does not know keep their first numbers.
void begin_with(const ModelFolder& folder, const Vocabularies& vocabularies, CompiledModel& training);

// The folder whose vocabulary the corpus was made with: its own or, where it has none, the model's to begin with.
std::string vocabulary_folder_of(const TrainConfig& config);

}  // namespace gshard
