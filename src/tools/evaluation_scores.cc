#include "tools/evaluation_scores.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "tools/table.h"
#include "version.h"

namespace gshard {
namespace {

using Json = nlohmann::ordered_json;

// sacrebleu's own for BLEU as it is computed here.
constexpr const char* kSignature = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp";
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

std::string text_of(const TranslationMethod& method) {
  return fmt::format(
      "{} sources have a sentence that was cut within, {} translations reached the most tokens that are "
      "written\n",
      with_separators(method.cut_sources), with_separators(method.cut_translations));
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
  Json json = {{"name", s.name}, {"rows", s.rows}, {"sentences", s.sentences}, {"sha256", s.sha256}};
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

EvaluationScores scores_of(const Evaluation& evaluation, const std::string& part, const TranslationMethod& method,
                           const std::map<std::string, int64_t>& training) {
  EvaluationScores scores{.part = part, .method = method, .training = training};
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
  return table.text() + kCaveat + text_of(scores.method) + text_of(scores.thirds);
}

std::string figure_of(const GroupScores& scores) {
  return fmt::format("{}: BLEU {:.1f} (gshard {}; as sacrebleu {}), test set sha256:{}", scores.name,
                     scores.bleu[static_cast<size_t>(System::model)].score, GSHARD_VERSION, kSignature, scores.sha256);
}

std::string json_text_of(const EvaluationScores& scores) {
  const TranslationMethod& method = scores.method;
  Json json = {{"part", scores.part},
               {"version", GSHARD_VERSION},
               {"signature", kSignature},
               {"beam", method.beam},
               {"alpha", method.alpha},
               {"share_dropped", method.share_dropped ? Json(*method.share_dropped) : Json()},
               {"cut_sources", method.cut_sources},
               {"cut_translations", method.cut_translations},
               {"directions", Json::array()},
               {"origins", Json::array()}};
  for (const GroupScores& group : scores.directions) {
    Json& direction = json["directions"].emplace_back(json_of(group));
    const auto pairs = scores.training.find(group.name);
    direction["training_pairs"] = pairs == scores.training.end() ? 0 : pairs->second;
  }
  for (const GroupScores& group : scores.origins) json["origins"].push_back(json_of(group));
  json["mean"] = json_of(scores.mean);
  json["thirds"] = scores.thirds ? json_of(*scores.thirds) : Json();
  // An origin may be any bytes.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string baselines_text_of(const Evaluation& evaluation, const std::string& part) {
  Table table({{part},
               {"rows", Align::right},
               {"sentences", Align::right},
               {"copy BLEU", Align::right},
               {"chrF++", Align::right},
               {"nearest BLEU", Align::right},
               {"chrF++", Align::right}});
  constexpr auto kCopy = static_cast<size_t>(System::copy), kNearest = static_cast<size_t>(System::nearest);
  for (const auto& groups : {evaluation.directions(), evaluation.origins()}) {
    for (const RowGroup& group : groups) {
      const GroupScores s = evaluation.score(group);
      table.add({s.name, with_separators(static_cast<int64_t>(s.rows)),
                 with_separators(static_cast<int64_t>(s.sentences)), fmt::format("{:.1f}", s.bleu[kCopy].score),
                 fmt::format("{:.1f}", s.chrf[kCopy].score), with_range(s.bleu[kNearest]),
                 with_range(s.chrf[kNearest])});
    }
  }
  return table.text() + kCaveat;
}

Part measured_part(const std::string& name) {
  for (const Part part : {Part::dev, Part::test}) {
    if (name == name_of(part)) return part;
  }
  throw Error::usage(fmt::format("--part: '{}' is none of dev, test", name));
}

}  // namespace gshard
