#include "decode/model_folder.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "runtime/file.h"
#include "runtime/output_file.h"

namespace gshard {
namespace {

namespace fs = std::filesystem;

std::string config_path(const std::string& folder) { return folder + "/config.toml"; }

std::string weights_path(const std::string& folder) { return folder + "/weights.safetensors"; }

std::string vocabulary_path(const std::string& folder) { return folder + "/vocabulary.json"; }

const std::string& checked(const std::string& path) {
  for (const std::string& file : {config_path(path), vocabulary_path(path), weights_path(path)}) {
    std::error_code error;
    if (fs::exists(file, error)) continue;
    if (error) throw Error::program(fmt::format("{}: {}", file, error.message()));
    const std::string name = fs::path(file).filename().string();
    if (fs::exists(weights_path(path + "/model"), error)) {  // the folder of a run
      throw Error::program(fmt::format("{} is no model: it has no {}; did you mean {}/model?", path, name, path));
    }
    throw Error::program(fmt::format("{} is no model: it has no {}; 'gshard train' writes one", path, name));
  }
  return path;
}

// What a run is configured by wrongly is wrong usage; what stands in a model's folder is data.
ModelConfig read_config(const std::string& folder) {
  ModelConfig config;
  Settings settings(settings_of(config));
  try {
    settings.read(config_path(folder), Settings::Others::pass);
    check(config, settings);
  } catch (const Error& error) {
    Error damaged = Error::program(error.what());
    if (!error.position()) throw damaged;
    throw std::move(damaged).at(*error.position());
  }
  return config;
}

void write_whole(const std::string& path, const std::string& text) {
  OutputFile out(path);
  out.write(text);
  out.finish();
}

}  // namespace

ModelFolder::ModelFolder(std::string path)
    : path_(checked(path)), config_(read_config(path_)), vocabularies_(Vocabularies::load(path_)) {
  directions_ = config_.parsed_directions();
  config_.transformer = resolved(config_, vocabularies_);
}

void write_model_folder(const std::string& path, const ModelParts& parts) {
  const std::string partial = path + ".partial";
  std::error_code ignored;
  fs::remove_all(partial, ignored);  // of a run that was killed
  make_folder(partial);
  write_whole(config_path(partial), parts.config);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parts.vocabulary_folder, error)) {
    const fs::path& file = entry.path();
    if (file.extension() != ".model" && file.filename() != "vocabulary.json") continue;
    write_whole((fs::path(partial) / file.filename()).string(), read_text(file.string()));
  }
  if (error) throw Error::program(fmt::format("{}: {}", parts.vocabulary_folder, error.message()));
  ArrayWriter(weights_path(partial)).write(parts.weights, parts.value);
  replace_folder(partial, path);
}

}  // namespace gshard
