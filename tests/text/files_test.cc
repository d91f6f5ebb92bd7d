// Real modules: every file of ../shared/hlo is read, printed as it was, and read again.
#include <gtest/gtest.h>

#include "module_files.h"
#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

// Runs of line breaks count as one: the scaled files have lost their source tables, and have more of them.
std::string without_empty_lines(const std::string& text) {
  std::string result;
  for (char c : text) {
    if (c != '\n' || (!result.empty() && result.back() != '\n')) result += c;
  }
  return result;
}

void expect_round_trip(const std::filesystem::path& path) {
  const std::string text = content_of(path);
  const auto module = parse_module(text, path.string());
  const std::string printed = print(*module);
  EXPECT_TRUE(without_empty_lines(printed) == without_empty_lines(text));
  const auto again = parse_module(printed);
  EXPECT_EQ(first_difference(*module, *again), "");
  EXPECT_TRUE(print(*again) == printed);
}

TEST(Files, PrintAsTheyWere) {
  auto paths = module_files(GSHARD_HLO_DIR);
  const auto scaled = module_files(GSHARD_HLO_DIR "/scaled");
  paths.insert(paths.end(), scaled.begin(), scaled.end());
  if (paths.empty()) GTEST_SKIP() << "no files in " GSHARD_HLO_DIR;
  for (const auto& path : paths) {
    SCOPED_TRACE(path);
    expect_round_trip(path);
  }
}

}  // namespace
}  // namespace gshard
