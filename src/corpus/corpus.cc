#include "corpus/corpus.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "corpus/sha256.h"
#include "runtime/file.h"
#include "runtime/output_file.h"

namespace gshard {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "gshard corpus 1";

std::string summary_path(const std::string& folder) { return folder + "/corpus.json"; }

// The names of HoldOutCounts in corpus.json.
struct HeldOutField {
  const char* name;
  int64_t HoldOutCounts::*count;
};
constexpr HeldOutField kHeldOutFields[] = {{"removed", &HoldOutCounts::removed},
                                           {"wrong_size", &HoldOutCounts::wrong_size},
                                           {"overlapping", &HoldOutCounts::overlapping},
                                           {"one_word_away", &HoldOutCounts::one_word_away},
                                           {"source_trains", &HoldOutCounts::source_trains},
                                           {"repeated", &HoldOutCounts::repeated},
                                           {"surplus", &HoldOutCounts::surplus}};

Json json_of(const FileCounts& file) {
  Json dropped = Json::object();
  for (size_t i = 0; i < kDropCount; ++i) {
    if (file.dropped.count[i] > 0) dropped[std::string(name_of(static_cast<Drop>(i)))] = file.dropped.count[i];
  }
  return {{"name", file.name}, {"read", file.read}, {"kept", file.kept}, {"dropped", dropped}};
}

Json json_of(const OriginCounts& origin) {
  return {{"source", origin.source_language},
          {"target", origin.target_language},
          {"origin", origin.origin},
          {"train", origin.pairs[0]},
          {"dev", origin.pairs[1]},
          {"test", origin.pairs[2]},
          {"words", origin.words}};
}

FileCounts file_of(const Json& json) {
  FileCounts file{json.at("name"), json.at("read"), json.at("kept"), {}};
  for (const auto& [name, count] : json.at("dropped").items()) {
    if (const auto drop = drop_of_name(name)) file.dropped[*drop] = count;
  }
  return file;
}

OriginCounts origin_of(const Json& json) {
  return {json.at("source"),
          json.at("target"),
          json.at("origin"),
          {json.at("train"), json.at("dev"), json.at("test")},
          json.at("words")};
}

CorpusSummary summary_of(const Json& json) {
  if (json.at("format") != kFormat) throw Error::program("its format is not '" + std::string(kFormat) + "'");
  CorpusSummary summary;
  for (const Part part : kParts) {
    summary.sha256[static_cast<size_t>(part)] = json.at("sha256").at(std::string(name_of(part)));
  }
  for (const Json& file : json.at("files")) summary.files.push_back(file_of(file));
  for (const Json& origin : json.at("origins")) summary.origins.push_back(origin_of(origin));
  for (const auto& field : kHeldOutFields) summary.held_out.*field.count = json.at("held_out").at(field.name);
  summary.repeats = json.value("repeats", int64_t{0});
  return summary;
}

}  // namespace

int64_t CorpusSummary::pairs(Part part) const {
  int64_t count = 0;
  for (const OriginCounts& origin : origins) count += origin.pairs[static_cast<size_t>(part)];
  return count;
}

std::string CorpusSummary::sha256_of_all() const {
  Sha256 hash;
  for (const std::string& part : sha256) hash.add(part);
  return to_hex(hash.digest());
}

std::optional<LanguagePair> parse_direction(std::string_view setting) {
  const size_t colon = setting.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const LanguagePair direction{std::string(setting.substr(0, colon)), std::string(setting.substr(colon + 1))};
  if (!is_language_name(direction.source) || !is_language_name(direction.target)) return std::nullopt;
  return direction;
}

std::vector<DirectionCounts> directions_of(const CorpusSummary& summary) {
  std::map<LanguagePair, DirectionCounts> found;
  for (const OriginCounts& origin : summary.origins) {
    DirectionCounts& counts = found[{origin.source_language, origin.target_language}];
    counts.direction = {origin.source_language, origin.target_language};
    for (size_t i = 0; i < kParts.size(); ++i) counts.pairs[i] += origin.pairs[i];
    counts.words += origin.words;
  }
  std::vector<DirectionCounts> directions;
  for (auto& [direction, counts] : found) directions.push_back(std::move(counts));
  std::stable_sort(directions.begin(), directions.end(), [](auto& a, auto& b) { return a.pairs[0] > b.pairs[0]; });
  return directions;
}

std::vector<std::string> targets_of(const CorpusSummary& summary) {
  std::set<std::string> targets;
  for (const OriginCounts& origin : summary.origins) targets.insert(origin.target_language);
  return {targets.begin(), targets.end()};
}

std::vector<std::string> without_rows(const CorpusSummary& summary, Part part) {
  std::vector<std::string> names;
  for (const DirectionCounts& counts : directions_of(summary)) {
    if (counts.pairs[0] > 0 && counts.pairs[static_cast<size_t>(part)] == 0) names.push_back(counts.direction.name());
  }
  return names;
}

std::string part_path(const std::string& folder, Part part) { return fmt::format("{}/{}.tsv", folder, name_of(part)); }

CorpusSummary read_corpus(const std::string& folder) {
  const std::string path = summary_path(folder);
  if (!std::filesystem::exists(path)) {
    throw Error::program(
        fmt::format("{} is no corpus: it has no corpus.json; 'gshard corpus import' and 'fetch' make one", folder));
  }
  try {
    return summary_of(Json::parse(read_text(path)));
  } catch (const Json::exception& error) {
    throw Error::program(fmt::format("{}: it is damaged ({}); import the corpus again", path, error.what()));
  } catch (const Error& error) {
    throw Error::program(fmt::format("{}: {}", path, error.what()));
  }
}

void write_corpus_summary(const std::string& folder, const CorpusSummary& summary) {
  Json sha256, files = Json::array(), origins = Json::array(), held_out;
  for (const Part part : kParts) sha256[std::string(name_of(part))] = summary.sha256[static_cast<size_t>(part)];
  for (const FileCounts& file : summary.files) files.push_back(json_of(file));
  for (const OriginCounts& origin : summary.origins) origins.push_back(json_of(origin));
  for (const auto& field : kHeldOutFields) held_out[field.name] = summary.held_out.*field.count;
  const Json json = {{"format", kFormat},   {"sha256", sha256},   {"held_out", held_out}, {"repeats", summary.repeats},
                     {"origins", origins}, {"files", files}};
  OutputFile out(summary_path(folder));
  out.write(json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  out.finish();
}

void withdraw_corpus_summary(const std::string& folder) { ::unlink(summary_path(folder).c_str()); }

}  // namespace gshard
