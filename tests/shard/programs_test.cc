// Golden programs: tests/programs/partition/*.hlo, each an annotated module, a separator and the program of one device.
// What must hold whatever else changes stands in the comments before it:
//
//   // has: 2 all-to-all, 0 all-gather
//
// With GSHARD_WRITE_GOLDEN in the environment the expected programs are written anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "count_ops.h"
#include "golden_names.h"
#include "runtime/check.h"
#include "runtime/file.h"
#include "shard/partition.h"
#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSeparator = "// ---- expect\n";

std::vector<std::string> golden_names() { return names_in(fs::path(GSHARD_TEST_DIR) / "programs" / "partition"); }

void expect_counts(const std::string& text, const Module& module) {
  const size_t at = text.find("// has: ");
  ASSERT_NE(at, std::string::npos) << "a golden program says what it is there for";
  std::istringstream line(text.substr(at + 8, text.find('\n', at) - at - 8));
  size_t expected = 0;
  std::string op;
  while (line >> expected >> op) {
    if (op.back() == ',') op.pop_back();
    ASSERT_TRUE(op_from_keyword(op)) << op;
    EXPECT_EQ(count(module, *op_from_keyword(op)), expected) << op;
  }
}

class GoldenPartitions : public testing::TestWithParam<std::string> {};

TEST_P(GoldenPartitions, BecomeWhatIsExpected) {
  const fs::path path = fs::path(GSHARD_TEST_DIR) / "programs" / "partition" / (GetParam() + ".hlo");
  const std::string text = read_text(path);
  const size_t at = std::min(text.find(kSeparator), text.size());
  const auto module = parse_module(text.substr(0, at), path);
  verify(*module);
  Partitioned program = partition(*module);
  expect_counts(text, *program.module);
  const std::string printed = print(*program.module);
  EXPECT_TRUE(check(*module, module->clone(), std::move(program)).passed());
  if (std::getenv("GSHARD_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path) << text.substr(0, at) << kSeparator << printed;
    return;
  }
  ASSERT_LT(at, text.size()) << "no separator";
  const auto expected = parse_module(text.substr(at + kSeparator.size()), path);
  EXPECT_EQ(first_difference(*expected, *parse_module(printed)), "") << printed;
}

INSTANTIATE_TEST_SUITE_P(Shard, GoldenPartitions, testing::ValuesIn(golden_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace gshard
