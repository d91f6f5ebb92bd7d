// Real modules: every file of ../shared/hlo is read, printed as it was, and read again.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> found;
  for (const char* folder : {GSHARD_HLO_DIR, GSHARD_HLO_DIR "/scaled"}) {
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".hlo") found.push_back(entry.path());
    }
  }
  return found;
}

std::string content(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Runs of line breaks count as one: the scaled files have lost their source tables, and have more of them.
std::string without_empty_lines(const std::string& text) {
  std::string result;
  for (char c : text) {
    if (c != '\n' || (!result.empty() && result.back() != '\n')) result += c;
  }
  return result;
}

TEST(Files, PrintAsTheyWere) {
  const auto paths = files();
  if (paths.empty()) GTEST_SKIP() << "no files in " GSHARD_HLO_DIR;
  for (const auto& path : paths) {
    const std::string text = content(path);
    const auto module = parse_module(text, path.string());
    const std::string printed = print(*module);
    EXPECT_TRUE(without_empty_lines(printed) == without_empty_lines(text)) << path;
    const auto again = parse_module(printed);
    EXPECT_EQ(first_difference(*module, *again), "") << path;
    EXPECT_TRUE(print(*again) == printed) << path;
  }
}

}  // namespace
}  // namespace gshard
