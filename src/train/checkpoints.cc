#include "train/checkpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "decode/model_folder.h"
#include "runtime/file.h"
#include "runtime/output_file.h"

namespace gshard {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "gshard checkpoint 1";
constexpr std::string_view kPrefix = "step-";

std::string state_path(const std::string& folder) { return folder + "/run.json"; }

std::optional<int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  if (error != std::errc() || at != end) return std::nullopt;
  return step;
}

Json json_of(const RunState& state) {
  return {{"format", kFormat},
          {"steps", state.progressed.steps},
          {"tokens", state.progressed.tokens},
          {"seconds", state.progressed.seconds},
          {"reader", state.reader.to_string()},
          {"corpus_sha256", state.corpus_sha256},
          {"best_loss", state.best_step == 0 ? Json() : Json(state.best_loss)},
          {"best_step", state.best_step},
          {"evaluations_since_best", state.evaluations_since_best}};
}

RunState state_of(const Json& json) {
  if (json.at("format") != kFormat) throw Error::program("its format is not '" + std::string(kFormat) + "'");
  RunState state;
  state.progressed = {json.at("steps"), json.at("tokens"), json.at("seconds")};
  state.reader = ReaderState::parse(json.at("reader"));
  state.corpus_sha256 = json.at("corpus_sha256");
  if (!json.at("best_loss").is_null()) state.best_loss = json.at("best_loss");
  state.best_step = json.at("best_step");
  state.evaluations_since_best = json.at("evaluations_since_best");
  return state;
}

}  // namespace

std::string Checkpoints::folder_of(int64_t step) const { return fmt::format("{}/{}{:08}", path_, kPrefix, step); }

std::string Checkpoints::arrays_path(int64_t step) const { return folder_of(step) + "/state.safetensors"; }

std::vector<int64_t> Checkpoints::steps() const {
  std::vector<int64_t> steps;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(path_, none)) {
    if (const auto step = step_of(entry.path().filename().string())) steps.push_back(*step);
  }
  std::ranges::sort(steps);
  return steps;
}

std::optional<int64_t> Checkpoints::newest() const {
  const std::vector<int64_t> all = steps();
  return all.empty() ? std::nullopt : std::optional(all.back());
}

void Checkpoints::save(const RunState& state, const CompiledModel& training) const {
  const std::string folder = folder_of(state.progressed.steps);
  const std::string partial = folder + ".partial";
  std::error_code none;
  fs::remove_all(partial, none);  // of a run that was killed
  make_folder(partial);
  training.save(partial + "/state.safetensors");
  OutputFile out(state_path(partial));
  out.write(json_of(state).dump(1) + "\n");
  out.finish();
  replace_folder(partial, folder);
}

RunState Checkpoints::load(int64_t step, CompiledModel& training) const {
  const std::string path = state_path(folder_of(step));
  try {
    RunState state = state_of(Json::parse(read_text(path)));
    training.load(arrays_path(step));
    return state;
  } catch (const Json::exception& error) {
    throw Error::program(
        fmt::format("{}: it is damaged ({}); remove this checkpoint to go on from the one before", path, error.what()));
  }
}

void Checkpoints::prune(int64_t keep, int64_t best) const {
  const std::vector<int64_t> all = steps();
  const size_t old = all.size() - std::min(all.size(), static_cast<size_t>(keep));
  std::error_code none;
  for (size_t i = 0; i < old; ++i) {
    if (all[i] != best) fs::remove_all(folder_of(all[i]), none);
  }
}

}  // namespace gshard
