#include "corpus/fetched.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "runtime/output_file.h"
#include "corpus/text_lines.h"
#include "runtime/file.h"

namespace gshard {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "gshard manifest 1";

// Parts per thousand of documents, or of sentences, for test and dev. Interfaces are many short strings of which few
// are long enough to be tested; two of the campaigns of the game are held out whole.
HoldOutPlan hold_out_plan() {
  HoldOutPlan plan;
  plan.share = {80, 40, {}, {}};
  plan.by_origin["ddtp"] = {10, 5, {}, {}};
  plan.by_origin["lohelp"] = {15, 8, {}, {}};
  plan.by_origin["wesnoth"] = {0, 0, {"wesnoth-tsg"}, {"wesnoth-tb"}};
  return plan;
}

Json read_json(const std::string& path) {
  try {
    return Json::parse(read_text(path));
  } catch (const Json::exception& error) {
    throw Error::program(fmt::format("{}: it is damaged ({})", path, error.what()));
  }
}

// Distinct held-out sentences by the hash of their key, with the number of rows that have them.
std::map<std::string, int64_t> sentences_of(const std::string& folder, Part part) {
  std::map<std::string, int64_t> sentences;
  TextLines lines(part_path(folder, part));
  for (std::string line; lines.next(line);) {
    const auto pair = parse_row(line);
    if (pair) ++sentences[fmt::format("{:016x}", fingerprint(fmt::format("{}", fmt::join(key_of(pair->target), " "))))];
  }
  return sentences;
}

Json json_of(const FetchedPackage& p, const FileCounts& counts) {
  Json dropped = Json::object();
  for (size_t i = 0; i < kDropCount; ++i) {
    if (counts.dropped.count[i] > 0) dropped[std::string(name_of(static_cast<Drop>(i)))] = counts.dropped.count[i];
  }
  return {{"package", p.package},   {"version", p.version}, {"sha256", p.sha256},
          {"licence", p.licence},   {"source", p.source},   {"rows", p.rows},
          {"left_out", p.left_out}, {"kept", counts.kept},  {"dropped", dropped}};
}

HeldOutChange held_out_change(const Json& then, const Json& now, Part part) {
  HeldOutChange change{.part = part};
  const std::string name(name_of(part));
  for (const auto& [sentence, rows] : then.at(name).at("sentences").items()) {
    const int64_t count = rows;
    const int64_t left = now.at(name).at("sentences").value(sentence, int64_t{0});
    ++change.sentences_then;
    change.rows_then += count;
    change.sentences_lost += left == 0 ? 1 : 0;
    change.rows_lost += std::max<int64_t>(count - left, 0);
  }
  return change;
}

}  // namespace

std::vector<FetchedPackage> read_packages(const std::string& work) {
  const std::string path = work + "/packages.json";
  std::vector<FetchedPackage> packages;
  try {
    for (const Json& p : read_json(path)) {
      packages.push_back({p.at("package"), p.at("version"), p.at("sha256"), p.at("licence"), p.at("source"),
                          p.at("rows"), p.at("left_out")});
    }
  } catch (const Json::exception& error) {
    throw Error::program(fmt::format("{}: it is damaged ({})", path, error.what()));
  }
  return packages;
}

ImportPlan import_plan_of(const std::string& work, const std::vector<FetchedPackage>& packages,
                          const std::string& folder) {
  ImportPlan plan{folder, {}, {}, hold_out_plan()};
  for (const FetchedPackage& package : packages) {
    if (package.rows > 0) plan.inputs.push_back({work + "/raw/" + package.package + ".tsv", "", {}, std::nullopt});
  }
  if (plan.inputs.empty()) throw Error::program("none of the packages has a translated row");
  return plan;
}

void write_manifest(const std::string& folder, const std::vector<FetchedPackage>& packages,
                    const CorpusSummary& summary) {
  Json list = Json::array();
  size_t file = 0;
  for (const FetchedPackage& package : packages) {
    list.push_back(json_of(package, package.rows > 0 ? summary.files.at(file++) : FileCounts{}));
  }
  Json json = {{"format", kFormat}, {"corpus_sha256", summary.sha256_of_all()}, {"packages", list}};
  for (const Part part : {Part::dev, Part::test}) {
    json[std::string(name_of(part))] = {{"sha256", summary.sha256[static_cast<size_t>(part)]},
                                        {"rows", summary.pairs(part)},
                                        {"sentences", sentences_of(folder, part)}};
  }
  OutputFile out(folder + "/manifest.json");
  out.write(json.dump(1) + "\n");
  out.finish();
}

ManifestChanges compare_manifests(const std::string& earlier, const std::string& folder) {
  const Json then = read_json(earlier);
  const Json now = read_json(folder + "/manifest.json");
  try {
    if (then.at("format") != kFormat) throw Error::program("its format is not '" + std::string(kFormat) + "'");
    std::map<std::string, const Json*> present;
    for (const Json& package : now.at("packages")) present[package.at("package")] = &package;
    ManifestChanges changes;
    for (const Json& package : then.at("packages")) {
      PackageChange change{package.at("package"), package.at("version"), "", package.at("kept"), 0};
      if (const auto found = present.find(change.package); found != present.end()) {
        change.version_now = found->second->at("version");
        change.rows_now = found->second->at("kept");
      }
      changes.packages.push_back(std::move(change));
    }
    for (const Part part : {Part::dev, Part::test}) changes.held_out.push_back(held_out_change(then, now, part));
    return changes;
  } catch (const Json::exception& error) {
    throw Error::program(fmt::format("{}: it is no manifest of a corpus ({})", earlier, error.what()));
  } catch (const Error& error) {
    throw Error::program(fmt::format("{}: {}", earlier, error.what()));
  }
}

}  // namespace gshard
