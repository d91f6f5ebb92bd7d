// A trained model on disk: all that translating takes.
//
//   run/model/config.toml              the resolved settings of its training, of which [model] is read
//   run/model/vocabulary.json  *.model its vocabularies
//   run/model/weights.safetensors      its weights by name
//
//   const ModelFolder folder("run/model");
//   CompiledModel model(evaluation("translate", {}, [&](Model& m) { ...; folder.config().transformer ... }));
//   model.load_weights(folder.weights_path());
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "corpus/vocabulary.h"
#include "decode/model_config.h"
#include "runtime/array_archive.h"

namespace gshard {

class ModelFolder {
 public:
  // Reads settings and vocabularies. Throws Error(program) where the folder holds no model, or damaged ones.
  explicit ModelFolder(std::string path);

  const std::string& path() const { return path_; }
  // With the sizes of the vocabularies.
  const ModelConfig& config() const { return config_; }
  const std::vector<LanguagePair>& directions() const { return directions_; }
  const Vocabularies& vocabularies() const { return vocabularies_; }

  // Arrays by the names of weights.
  std::string weights_path() const { return path_ + "/weights.safetensors"; }

 private:
  std::string path_;
  ModelConfig config_;
  std::vector<LanguagePair> directions_;
  Vocabularies vocabularies_;
};

// What a folder is made of.
struct ModelParts {
  std::string config;             // the text of config.toml
  std::string vocabulary_folder;  // where the vocabulary is copied from
  std::vector<ArrayEntry> weights;
  std::function<Literal(size_t)> value;  // of a weight; asked once for each
};

// Writes the folder under another name first: one that stands there is whole at all times.
void write_model_folder(const std::string& path, const ModelParts& parts);

// Puts a folder in the place of one that may be there, which is removed.
void replace_folder(const std::string& made, const std::string& path);

}  // namespace gshard
