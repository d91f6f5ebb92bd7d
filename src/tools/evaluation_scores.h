// What 'gshard evaluate' and 'gshard corpus baselines' compute, as tables for people and as JSON for programs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "corpus/hold_out.h"
#include "score/evaluation.h"

namespace gshard {

// How the translations were made, without which figures cannot be compared.
struct TranslationMethod {
  int64_t beam = 0;
  double alpha = 0;
  std::optional<double> share_dropped = {};  // of choices of experts, where these have a capacity
  int64_t cut_sources = 0;                   // rows with a sentence too long for the model
  int64_t cut_translations = 0;              // rows whose translation reached the most tokens that are written
};

struct EvaluationScores {
  std::string part;  // "test"
  TranslationMethod method = {};
  std::vector<GroupScores> directions = {};
  std::vector<GroupScores> origins = {};
  std::map<std::string, int64_t> training = {};  // pairs that train, by direction
  GroupScores mean = {};                         // of the directions
  std::optional<Thirds> thirds = {};
};

EvaluationScores scores_of(const Evaluation& evaluation, const std::string& part, const TranslationMethod& method,
                           const std::map<std::string, int64_t>& training);

std::string text_of(const EvaluationScores& scores);
// What identifies a figure: "de-en: BLEU 11.2 (gshard 0.1.0; as sacrebleu nrefs:1|...), test set sha256:3f5e...".
std::string figure_of(const GroupScores& scores);
// {"part", "version", "signature", "beam", "alpha", "share_dropped", "cut_sources", "cut_translations", "directions":
// [{"name", "training_pairs", "rows", "sentences", "sha256", "model", "copy", "nearest", "bleu_over_nearest",
// "chrf_over_copy"}], "origins", "mean", "thirds"}, with a newline: systems have "bleu" and "chrf", and each score has
// "score" and the ends "low" and "high" of its interval. The signature is sacrebleu's of its BLEU; "share_dropped" is
// null where experts take all.
std::string json_text_of(const EvaluationScores& scores);

// The answers alone that need no model, whose rows have no hypothesis.
std::string baselines_text_of(const Evaluation& evaluation, const std::string& part);

// The part that is to be measured: dev or test. Throws Error(usage) for another word.
Part measured_part(const std::string& name);

}  // namespace gshard
