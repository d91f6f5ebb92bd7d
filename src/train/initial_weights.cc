#include "train/initial_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <unordered_map>

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

Literal read(const ArrayArchive& archive, const ModelFolder& folder, const std::string& name, const Shape& shape) {
  if (!archive.names().contains(name)) {
    throw Error::usage(
        fmt::format("init_from: the model in {} has no '{}'; its [model] must be the same", folder.path(), name));
  }
  try {
    return archive.read(name, shape);
  } catch (const Error& error) {
    throw Error::usage(
        fmt::format("init_from: '{}' of {}: {}; its [model] must be the same", name, folder.path(), error.what()));
  }
}

}  // namespace

std::string vocabulary_folder_of(const TrainConfig& config) {
  const bool own = config.init_from.empty() || std::filesystem::exists(config.corpus + "/vocabulary.json");
  return own ? config.corpus : config.init_from;
}

void begin_with(const ModelFolder& folder, const Vocabularies& vocabularies, CompiledModel& training) {
  const auto archive = ArrayArchive::open(folder.weights_path());
  for (const Parameter& parameter : training.parameters()) {
    if (parameter.role != Role::weight) continue;
    const std::string& name = parameter.name;
    const bool of_source = name == "encoder/embedding";
    if (!of_source && name != "decoder/embedding") {
      training.set_value(name, read(*archive, folder, name, parameter.shape));
      continue;
    }
    const Rows rows = of_source ? Rows{folder.vocabularies().source, vocabularies.source}
                                : Rows{folder.vocabularies().target, vocabularies.target};
    const Shape before = parameter.shape.with_dims({rows.before.size(), parameter.shape.dim(1)});
    training.set_value(name, by_pieces(read(*archive, folder, name, before), training.value(name), rows));
  }
}

}  // namespace gshard
