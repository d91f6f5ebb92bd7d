#include "train/initial_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <unordered_map>

#include "runtime/safetensors.h"

namespace gshard {
namespace {

// What the rows of a weight stand for, where it is an embedding.
struct Rows {
  const Vocabulary& before;
  const Vocabulary& now;
};

Literal by_pieces(const Literal& before, Literal now, const Rows& rows) {
  std::unordered_map<std::string, int32_t> known;
  for (int32_t id = 0; id < rows.before.size(); ++id) known.emplace(rows.before.piece(id), id);
  const int64_t size = now.shape().dim(1);
  const auto from = before.values<float>();
  const auto to = now.mutable_values<float>();
  for (int32_t id = 0; id < rows.now.size(); ++id) {
    const auto found = known.find(rows.now.piece(id));
    if (found == known.end()) continue;
    std::copy_n(from.begin() + found->second * size, size, to.begin() + id * size);
  }
  return now;
}

constexpr std::string_view kSourceRows = "encoder/embedding";
constexpr std::string_view kTargetRows = "decoder/embedding";

// The shape that a weight has in the folder: the rows of embeddings are those of its vocabularies.
Shape shape_in(const ModelFolder& folder, const Parameter& weight) {
  const auto with_rows = [&](int64_t rows) { return weight.shape.with_dims({rows, weight.shape.dim(1)}); };
  if (weight.name == kSourceRows) return with_rows(folder.vocabularies().source.size());
  if (weight.name == kTargetRows) return with_rows(folder.vocabularies().target.size());
  return weight.shape;
}

}  // namespace

std::string vocabulary_folder_of(const TrainConfig& config) {
  const bool own = config.init_from.empty() || std::filesystem::exists(config.corpus + "/vocabulary.json");
  return own ? config.corpus : config.init_from;
}

void expect_weights_of(const ModelFolder& folder, const std::vector<Parameter>& parameters) {
  const auto refuse = [&](const std::string& what) {
    throw Error::usage(fmt::format("init_from: the model in {} {}; its [model] must be the same", folder.path(), what));
  };
  const SafetensorsFile file(folder.weights_path());
  std::set<std::string> left;
  for (const auto& [name, array] : file.arrays()) left.insert(name);
  for (const Parameter& parameter : parameters) {
    if (parameter.role != Role::weight) continue;
    if (left.erase(parameter.name) == 0) refuse(fmt::format("has no '{}'", parameter.name));
    const SafetensorsArray& array = file.arrays().at(parameter.name);
    const Shape wanted = shape_in(folder, parameter);
    if (array.dims == wanted.dims()) continue;
    refuse(fmt::format("has {} as '{}', and here it is {}", array.to_string(), parameter.name, wanted.to_string()));
  }
  if (!left.empty()) refuse(fmt::format("has '{}' too", *left.begin()));
}

void begin_with(const ModelFolder& folder, const Vocabularies& vocabularies, CompiledModel& training) {
  const auto archive = ArrayArchive::open(folder.weights_path());
  for (const Parameter& parameter : training.parameters()) {
    if (parameter.role != Role::weight) continue;
    const std::string& name = parameter.name;
    const Literal before = archive->read(name, shape_in(folder, parameter));
    if (name == kSourceRows) {
      const Rows rows{folder.vocabularies().source, vocabularies.source};
      training.set_value(name, by_pieces(before, training.value(name), rows));
    } else if (name == kTargetRows) {
      const Rows rows{folder.vocabularies().target, vocabularies.target};
      training.set_value(name, by_pieces(before, training.value(name), rows));
    } else {
      training.set_value(name, before);
    }
  }
}

}  // namespace gshard
