// Beginning a training with a model that is there: fine-tuning, also for languages that it has not seen.
#pragma once

#include "decode/model_folder.h"
#include "runtime/compiled_model.h"
#include "train/train_config.h"

namespace gshard {

// Gives `training`, which has its first weights, those of the model. Rows of embeddings go by the pieces of the
// vocabularies: pieces that the model does not know keep their first numbers. Throws Error(usage) where the models are
// of different sizes.
void begin_with(const ModelFolder& folder, const Vocabularies& vocabularies, CompiledModel& training);

// The folder whose vocabulary the corpus was made with: its own or, where it has none, the model's to begin with.
std::string vocabulary_folder_of(const TrainConfig& config);

}  // namespace gshard
