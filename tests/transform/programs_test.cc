// Golden programs: tests/programs/<pass>/*.hlo, each a module, a separator and the module that the pass makes of it.
//
//   // ---- expect        the module below is the result, up to names
//   // ---- unchanged     the pass finds nothing to do
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "eval/evaluate.h"
#include "passes_by_name.h"
#include "random_program.h"
#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

namespace fs = std::filesystem;

struct Golden {
  std::string pass;
  std::string file;
};
void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.file; }

std::vector<Golden> golden_files() {
  std::vector<Golden> files;
  for (const Pass& pass : passes_under_test()) {
    const fs::path folder = fs::path(GSHARD_TEST_DIR) / "programs" / pass.name;
    if (!fs::exists(folder)) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".hlo") files.push_back({std::string(pass.name), entry.path().string()});
    }
  }
  std::sort(files.begin(), files.end(), [](const Golden& a, const Golden& b) { return a.file < b.file; });
  return files;
}

std::string name_of_golden(const testing::TestParamInfo<Golden>& info) {
  std::string name = info.param.pass + "_" + fs::path(info.param.file).stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

class Programs : public testing::TestWithParam<Golden> {
 protected:
  void SetUp() override {
    std::ifstream in(GetParam().file);
    std::stringstream text;
    text << in.rdbuf();
    before_text_ = text.str();
    const std::string separator = "// ---- ";
    const size_t at = before_text_.find(separator);
    ASSERT_NE(at, std::string::npos) << "no separator";
    const size_t end = before_text_.find('\n', at);
    kind_ = before_text_.substr(at + separator.size(), end - at - separator.size());
    // Lines are counted from the start of the file in both parts.
    const auto lines = std::count(before_text_.begin(), before_text_.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    after_text_ = std::string(static_cast<size_t>(lines), '\n') + before_text_.substr(end);
    before_text_.resize(at);
  }

  std::string before_text_, kind_, after_text_;
};

// The values of both modules for the same arguments; nothing where the evaluator has no meaning for an op.
void expect_same_values(const Module& before, const Module& after) {
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const std::vector<Literal> arguments = random_arguments(before, seed);
    EXPECT_TRUE(same_values(evaluate(before, arguments), evaluate(after, arguments))) << "seed " << seed;
  }
}

TEST_P(Programs, BecomeWhatIsExpected) {
  const auto before = parse_module(before_text_, GetParam().file);
  check_module(*before);
  const auto module = before->clone();
  const bool changed = pass_under_test(GetParam().pass).run(*module);
  check_module(*module);
  if (kind_ == "unchanged") {
    EXPECT_FALSE(changed);
    EXPECT_EQ(first_difference(*before, *module), "") << print(*module);
  } else {
    ASSERT_EQ(kind_, "expect");
    EXPECT_TRUE(changed);
    const auto expected = parse_module(after_text_, GetParam().file);
    EXPECT_EQ(first_difference(*expected, *module), "") << print(*module);
  }
  expect_same_values(*before, *module);
}

INSTANTIATE_TEST_SUITE_P(Golden, Programs, testing::ValuesIn(golden_files()), name_of_golden);

}  // namespace
}  // namespace gshard
