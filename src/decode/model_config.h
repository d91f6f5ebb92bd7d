// What the settings of a run say about its model: the keys of [model], which training and decoding both read.
//
//   ModelConfig config;
//   Settings settings(settings_of(config));
//   settings.read("run/model/config.toml", Settings::Others::pass);
//   check(config, settings);
#pragma once

#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/vocabulary.h"
#include "model/transformer.h"
#include "runtime/settings.h"

namespace gshard {

struct ModelConfig {
  ModelConfig();

  // Sizes of vocabularies are those of the vocabularies, and no setting.
  TransformerOptions transformer;
  int64_t source_length = 96;  // the most tokens of a sentence that it was trained on: those of a row
  int64_t target_length = 64;
  std::vector<std::string> directions;  // "de:en": what it was trained on

  // Throws Error(program) where one is not two names of languages.
  std::vector<LanguagePair> parsed_directions() const;
};

// The model with what follows from its vocabularies and the lengths of rows: sizes of embeddings, learned positions.
// Whatever builds it takes this, so that its weights have the same shapes everywhere.
TransformerOptions resolved(const ModelConfig& config, const Vocabularies& vocabularies);

// Throws Error(usage) where what the keys of [model] say cannot be built.
void check(const ModelConfig& config, const Settings& settings);

// The config must outlive what is made of it.
std::vector<Setting> settings_of(ModelConfig& config);

}  // namespace gshard
