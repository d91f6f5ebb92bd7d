// Beginning a training with a model that is there: fine-tuning, also for languages that it has not seen.
#pragma once

#include "decode/model_folder.h"
#include "runtime/compiled_model.h"

namespace gshard {

// Gives `training`, which has its first weights, those of the model. Rows of embeddings go by the pieces of the
// vocabularies: pieces that the model does not know keep their first numbers. Throws Error(usage) where the models are
// of different sizes.
void begin_with(const ModelFolder& folder, const Vocabularies& vocabularies, CompiledModel& training);

}  // namespace gshard
