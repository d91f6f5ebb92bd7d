// Every program of tests/golden gives on the CPU backend what the evaluator gives.
#include <gtest/gtest.h>

#include <filesystem>

#include "equals_evaluator.h"
#include "golden_names.h"
#include "runtime/file.h"
#include "runtime/argument_file.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(GSHARD_TEST_DIR) / "golden";

class CpuGolden : public testing::TestWithParam<std::string> {};

TEST_P(CpuGolden, EqualsTheEvaluator) {
  const fs::path folder = kGolden / GetParam();
  for (const std::string& name : names_in(folder)) {
    SCOPED_TRACE(GetParam() + "/" + name);
    try {
      const auto module = parse_module(read_text(folder / (name + ".hlo")), name);
      verify(*module);
      const std::vector<Literal> arguments = read_arguments(folder / (name + ".npz"), *module, {}).values;
      EXPECT_EQ(difference_from_evaluator(*module, arguments), "");
    } catch (const Error& error) {
      ADD_FAILURE() << error.report();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, CpuGolden, testing::ValuesIn(names_in(kGolden)),
                         [](const auto& family) { return family.param; });

}  // namespace
}  // namespace gshard
