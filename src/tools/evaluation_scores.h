// What 'gshard evaluate' computes, as tables for people and as JSON for programs.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "score/evaluation.h"

namespace gshard {

struct EvaluationScores {
  std::string part;  // "test"
  std::vector<GroupScores> directions = {};
  std::vector<GroupScores> origins = {};
  std::map<std::string, int64_t> training = {};  // pairs that train, by direction
  GroupScores mean = {};                         // of the directions
  std::optional<Thirds> thirds = {};
};

EvaluationScores scores_of(const Evaluation& evaluation, const std::string& part,
                           const std::map<std::string, int64_t>& training);

std::string text_of(const EvaluationScores& scores);
// {"part", "directions": [{"name", "training_pairs", "rows", "sentences", "model", "copy", "nearest",
// "bleu_over_nearest", "chrf_over_copy"}], "origins", "mean", "thirds"}: systems have "bleu" and "chrf", and each score
// has "score" and the ends "low" and "high" of its interval.
nlohmann::ordered_json json_of(const EvaluationScores& scores);

}  // namespace gshard
