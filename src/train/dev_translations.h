// What a model in training makes of dev: greedy translations of some of its sentences, of the directions that it is
// trained on, scored by language.
//
//   DevTranslations translations(config, vocabularies, train, notice);
//   translations.score(trainer.model(), 360, record);      // record.bleu, record.languages
//
// Translating takes no more than config.evaluate_share of the time of training: fewer sentences where they take long,
// none where that would be few. How long they take is not known before: the first few are translated in any case. The
// loss of dev is not in that share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "corpus/progress.h"
#include "corpus/token_file.h"
#include "decode/text_translator.h"
#include "train/metrics.h"
#include "train/train_config.h"

namespace gshard {

class DevTranslations {
 public:
  // Reads dev. Throws Error(program) where it cannot be read. Config and `train`, which says how large the data of each
  // language is, must outlive it; the notice is told once where not all sentences can be translated in time.
  DevTranslations(const TrainConfig& config, const Vocabularies& vocabularies, const TokenFile& train,
                  const Progress& notice);

  // Adds to the record of an evaluation after so many seconds of training: its scores, languages, and the time it took.
  void score(const CompiledModel& training, double seconds, EvaluationRecord& record);

 private:
  // How many sentences there is time for.
  size_t affordable(double seconds) const;
  // The translations of the first so many.
  std::vector<std::string> translate(const CompiledModel& training, size_t count);
  void add_scores(const std::vector<std::string>& texts, EvaluationRecord& record) const;
  // What the record says of a direction; one is added where it says nothing.
  LanguageRecord& language_of(const std::string& direction, EvaluationRecord& record) const;
  void tell(int64_t step, size_t count);

  const TrainConfig& config_;
  const Vocabularies vocabularies_;
  const TokenFile& train_;
  const Progress notice_;
  std::vector<TextPair> rows_;                // of all directions in turn
  std::optional<TextTranslator> translator_;  // made when it is first needed
  int64_t times_ = 0;                         // that it translated
  double spent_ = 0;                          // seconds, on all of them
  double each_ = 0;                           // seconds for a sentence, the last time
  bool told_ = false;
};

}  // namespace gshard
