// Files with modules that tests run over.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace gshard {

// The .hlo files of a folder, sorted by name; none where the folder is absent.
inline std::vector<std::filesystem::path> module_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  if (!std::filesystem::exists(folder)) return found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".hlo") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

inline std::string content_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace gshard
