// What the commands that use a trained model share: its folder, the search, the devices.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "decode/model_folder.h"
#include "decode/text_translator.h"
#include "tools/command.h"

namespace gshard {

struct TranslationArguments {
  std::string model;
  int64_t beam = 4;
  double alpha = 0.8;
  int64_t devices = 1;
  int64_t rows = 32;
  double expert_capacity = 0;
};

// --model, --devices, --rows and --expert-capacity; --beam and --alpha where the command searches.
void add_model_options(CLI::App& app, TranslationArguments& arguments);
void add_search_options(CLI::App& app, TranslationArguments& arguments);

// A model that is ready to translate.
struct LoadedModel {
  ModelFolder folder;
  std::unique_ptr<TextTranslator> translator;
};
LoadedModel load_model(const TranslationArguments& arguments);

// "de-en, fr-en", for messages.
std::string names_of(const std::vector<LanguagePair>& directions);

// The direction that the languages given name, of those that the model was trained on; "" for one that is not given.
// Throws Error(usage) where it is none of them, or where several are meant and the model has to be told which.
LanguagePair direction_of(const ModelFolder& folder, const std::string& from, const std::string& to);

// The share of the choices of experts that found no place under --expert-capacity; nothing without it.
std::optional<double> share_dropped(TextTranslator& translator);
// Warns of it on stderr.
void report_dropped_choices(TextTranslator& translator);

}  // namespace gshard
