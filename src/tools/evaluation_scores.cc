#include "tools/evaluation_scores.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/table.h"

namespace gshard {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kCaveat = "these figures compare runs on this text only, never with WMT or FLORES\n";

// ---- tables ---------------------------------------------------------------------------------------------------------

std::string with_range(const ScoredInterval& s) {
  return fmt::format("{:.1f} [{:.1f}, {:.1f}]", s.score, s.interval.low, s.interval.high);
}

std::string difference(const ScoredInterval& s) {
  return fmt::format("{:+.1f} [{:+.1f}, {:+.1f}]", s.score, s.interval.low, s.interval.high);
}

Table table_of(const std::string& title) {
  return Table({{title},
                {"rows", Align::right},
                {"sentences", Align::right},
                {"BLEU", Align::right},
                {"chrF++", Align::right},
                {"copy", Align::right},
                {"chrF++", Align::right},
                {"nearest", Align::right},
                {"chrF++", Align::right},
                {"BLEU - nearest", Align::right},
                {"chrF++ - copy", Align::right}});
}

void add_row(Table& table, const GroupScores& s) {
  const auto plain = [](const ScoredInterval& score) { return fmt::format("{:.1f}", score.score); };
  table.add({s.name, with_separators(static_cast<int64_t>(s.rows)), with_separators(static_cast<int64_t>(s.sentences)),
             with_range(s.bleu[0]), with_range(s.chrf[0]), plain(s.bleu[1]), plain(s.chrf[1]), plain(s.bleu[2]),
             plain(s.chrf[2]), difference(s.bleu_over_nearest), difference(s.chrf_over_copy)});
}

std::string text_of(const std::optional<Thirds>& thirds) {
  if (!thirds) return "\ntoo few languages have sentences in common to compare those with much and little text\n";
  Table table = table_of("languages with");
  for (const GroupScores& scores : thirds->scores) add_row(table, scores);
  return fmt::format("\non the sentences that {} languages and more have\n{}{}", thirds->least_directions, table.text(),
                     kCaveat);
}

// ---- JSON -----------------------------------------------------------------------------------------------------------

Json json_of(const ScoredInterval& s) {
  return {{"score", s.score}, {"low", s.interval.low}, {"high", s.interval.high}};
}

Json json_of(const GroupScores& s) {
  Json json = {{"name", s.name}, {"rows", s.rows}, {"sentences", s.sentences}};
  for (const auto& [name, system] :
       {std::pair{"model", System::model}, {"copy", System::copy}, {"nearest", System::nearest}}) {
    const auto place = static_cast<size_t>(system);
    json[name] = {{"bleu", json_of(s.bleu[place])}, {"chrf", json_of(s.chrf[place])}};
  }
  json["bleu_over_nearest"] = json_of(s.bleu_over_nearest);
  json["chrf_over_copy"] = json_of(s.chrf_over_copy);
  return json;
}

Json json_of(const Thirds& thirds) {
  Json json = {{"least_directions", thirds.least_directions}, {"groups", Json::array()}};
  for (const GroupScores& scores : thirds.scores) json["groups"].push_back(json_of(scores));
  return json;
}

}  // namespace

EvaluationScores scores_of(const Evaluation& evaluation, const std::string& part,
                           const std::map<std::string, int64_t>& training) {
  EvaluationScores scores{.part = part, .training = training};
  for (const RowGroup& group : evaluation.directions()) scores.directions.push_back(evaluation.score(group));
  for (const RowGroup& group : evaluation.origins()) scores.origins.push_back(evaluation.score(group));
  scores.mean = evaluation.average("mean of languages", evaluation.directions());
  scores.thirds = evaluation.thirds(training);
  return scores;
}

std::string text_of(const EvaluationScores& scores) {
  Table table = table_of(scores.part);
  for (const auto* groups : {&scores.directions, &scores.origins}) {
    for (const GroupScores& group : *groups) add_row(table, group);
  }
  add_row(table, scores.mean);
  return table.text() + kCaveat + text_of(scores.thirds);
}

Json json_of(const EvaluationScores& scores) {
  Json json = {{"part", scores.part}, {"directions", Json::array()}, {"origins", Json::array()}};
  for (const GroupScores& group : scores.directions) {
    Json& direction = json["directions"].emplace_back(json_of(group));
    const auto pairs = scores.training.find(group.name);
    direction["training_pairs"] = pairs == scores.training.end() ? 0 : pairs->second;
  }
  for (const GroupScores& group : scores.origins) json["origins"].push_back(json_of(group));
  json["mean"] = json_of(scores.mean);
  json["thirds"] = scores.thirds ? json_of(*scores.thirds) : Json();
  return json;
}

}  // namespace gshard
