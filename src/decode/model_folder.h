// A trained model on disk: all that translating takes.
//
//   run/model/config.toml              the resolved settings of its training, of which [model] is read
//   run/model/vocabulary.json  *.model its vocabularies
//   run/model/weights.safetensors      its weights by name
//
//   const ModelFolder folder("run/model");
//   Decoder decoder({.model = folder.config().transformer});
//   decoder.load_weights(folder.weights_path());
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
  // Reads settings and vocabularies. Throws Error(program) where the folder holds no model, or a damaged one.
  explicit ModelFolder(std::string path);

  const std::string& path() const { return path_; }
  // With its model resolved() (model_config.h).
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

// Writes the folder under another name first: one that stands there is whole at all times (replace_folder()). Throws
// Error(program) with the path where something cannot be read or written.
void write_model_folder(const std::string& path, const ModelParts& parts);

}  // namespace gshard
