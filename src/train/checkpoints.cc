#include "train/checkpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "runtime/file.h"
#include "runtime/output_file.h"
#include "runtime/safetensors.h"

namespace gshard {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "gshard checkpoint 1";
constexpr std::string_view kPrefix = "step-";
// Behind the name of one that is being written or removed: it is no checkpoint.
constexpr std::string_view kPartial = ".partial";

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
          {"vocabulary_sha256", state.vocabulary_sha256},
          {"directions", state.directions},
          {"micro_batches", state.micro_batches},
          {"best_loss", state.best_step == 0 ? Json() : Json(state.best_loss)},
          {"best_step", state.best_step},
          {"evaluations_since_best", state.evaluations_since_best},
          {"evaluated_step", state.evaluated_step}};
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
  // Checkpoints of earlier versions do not say these.
  state.vocabulary_sha256 = json.value("vocabulary_sha256", state.vocabulary_sha256);
  state.directions = json.value("directions", state.directions);
  state.micro_batches = json.value("micro_batches", state.micro_batches);
  state.evaluated_step = json.value("evaluated_step", state.evaluated_step);
  return state;
}

void remove_partial(const std::string& path) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(path, none)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(kPartial)) fs::remove_all(entry.path(), none);
  }
}

// The first array that two models do not have alike.
std::string difference(const std::map<std::string, Dims>& saved, const std::map<std::string, Dims>& wanted) {
  for (const auto& [name, dims] : wanted) {
    const auto found = saved.find(name);
    if (found == saved.end()) return fmt::format("it has no '{}'", name);
    if (found->second != dims) return fmt::format("its '{}' has other sizes", name);
  }
  for (const auto& [name, dims] : saved) {
    if (!wanted.contains(name)) return fmt::format("it has '{}' too", name);
  }
  return "";
}

// A program of several micro-batches keeps the sum of their gradients beside the state.
bool is_gradient(const std::string& name) { return name.starts_with("optimizer/gradient/"); }

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
  const std::string partial = folder + std::string(kPartial);
  remove_partial(path_);  // of a run that was killed
  try {
    write(partial, state, training);
    replace_folder(partial, folder);
  } catch (...) {
    std::error_code none;
    fs::remove_all(partial, none);
    throw;
  }
}

void Checkpoints::write(const std::string& folder, const RunState& state, const CompiledModel& training) const {
  make_folder(folder);
  training.save(folder + "/state.safetensors");
  OutputFile out(state_path(folder));
  out.write(json_of(state).dump(1) + "\n");
  out.finish();
}

Error Checkpoints::damaged(int64_t step, const std::string& what) const {
  return Error::program(fmt::format("{}: it is damaged ({}); remove this checkpoint to go on from the one before",
                                    folder_of(step), what));
}

RunState Checkpoints::state(int64_t step) const {
  try {
    return state_of(Json::parse(read_text(state_path(folder_of(step)))));
  } catch (const Json::exception& error) {
    throw damaged(step, error.what());
  } catch (const Error& error) {
    throw damaged(step, error.what());
  }
}

void Checkpoints::load(int64_t step, CompiledModel& training) const {
  try {
    training.load(arrays_path(step));
  } catch (const Error& error) {
    throw damaged(step, error.what());
  }
}

void Checkpoints::expect_arrays(int64_t step, const std::vector<Parameter>& parameters) const {
  std::map<std::string, Dims> saved, wanted;
  try {
    const SafetensorsFile file(arrays_path(step));
    for (const auto& [name, array] : file.arrays()) saved.emplace(name, array.dims);
  } catch (const Error& error) {
    throw damaged(step, error.what());
  }
  for (const Parameter& parameter : parameters) {
    if (parameter.role != Role::input) wanted.emplace(parameter.name, parameter.shape.dims());
  }
  std::erase_if(saved, [&](const auto& array) { return is_gradient(array.first) && !wanted.contains(array.first); });
  if (saved == wanted) return;
  throw Error::usage(fmt::format("{} holds a run of another [model] or optimizer.rule ({}); take another output", run_,
                                 difference(saved, wanted)));
}

void Checkpoints::prune(int64_t keep, int64_t best) const {
  const std::vector<int64_t> all = steps();
  const size_t old = all.size() - std::min(all.size(), static_cast<size_t>(keep));
  for (size_t i = 0; i < old; ++i) {
    if (all[i] != best) remove(all[i]);
  }
}

void Checkpoints::remove_from(int64_t step) const {
  for (const int64_t there : steps()) {
    if (there >= step) remove(there);
  }
}

// Under a name that is no checkpoint's: half of one must not look whole.
void Checkpoints::remove(int64_t step) const {
  const std::string partial = folder_of(step) + std::string(kPartial);
  std::error_code none;
  fs::remove_all(partial, none);
  fs::rename(folder_of(step), partial, none);
  if (!none) fs::remove_all(partial, none);
}

}  // namespace gshard
