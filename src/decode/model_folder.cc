#include "decode/model_folder.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "runtime/file.h"
#include "runtime/output_file.h"

namespace gshard {
namespace {

namespace fs = std::filesystem;

std::string config_path(const std::string& folder) { return folder + "/config.toml"; }

std::string weights_path(const std::string& folder) { return folder + "/weights.safetensors"; }

const std::string& checked(const std::string& path) {
  for (const std::string& file : {config_path(path), weights_path(path)}) {
    if (fs::exists(file)) continue;
    throw Error::program(fmt::format("{} is no model: it has no {}; 'gshard train' writes one", path,
                                     fs::path(file).filename().string()));
  }
  return path;
}

ModelConfig read_config(const std::string& folder) {
  ModelConfig config;
  Settings settings(settings_of(config));
  settings.read(config_path(folder), Settings::Others::pass);
  check(config, settings);
  return config;
}

}  // namespace

ModelFolder::ModelFolder(std::string path)
    : path_(checked(path)), config_(read_config(path_)), vocabularies_(Vocabularies::load(path_)) {
  directions_ = config_.parsed_directions();
  config_.transformer.source_vocabulary = vocabularies_.source.size();
  config_.transformer.target_vocabulary = vocabularies_.target.size();
}

void replace_folder(const std::string& made, const std::string& path) {
  const auto fail = [&] {
    throw Error::program(fmt::format("{}: cannot put the new one in its place: {}", path, std::strerror(errno)));
  };
  if (!fs::exists(path)) {
    if (std::rename(made.c_str(), path.c_str()) != 0) fail();
    return;
  }
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) != 0) fail();
  std::error_code ignored;
  fs::remove_all(made, ignored);
}

void write_model_folder(const std::string& path, const ModelParts& parts) {
  const std::string partial = path + ".partial";
  std::error_code ignored;
  fs::remove_all(partial, ignored);  // of a run that was killed
  make_folder(partial);
  write_text(config_path(partial), parts.config);
  for (const auto& entry : fs::directory_iterator(parts.vocabulary_folder)) {
    const fs::path& file = entry.path();
    if (file.extension() != ".model" && file.filename() != "vocabulary.json") continue;
    fs::copy_file(file, fs::path(partial) / file.filename());
  }
  ArrayWriter(weights_path(partial)).write(parts.weights, parts.value);
  replace_folder(partial, path);
}

}  // namespace gshard
