// Real models on the CPU backend: the numbers are the evaluator's.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "runtime/check.h"
#include "runtime/file.h"
#include "runtime/prepare.h"
#include "text/parse.h"
#include "text/verify.h"
#include "transform/widen_floats.h"

namespace gshard {
namespace {

namespace fs = std::filesystem;

TEST(CpuBackend, ScaledModelsEqualTheEvaluator) {
  const fs::path folder = fs::path(GSHARD_HLO_DIR) / "scaled";
  if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    SCOPED_TRACE(file);
    const auto module = parse_module(read_text(file), file);
    verify(*module);
    const auto arguments = random_arguments(*module, 1);
    if (file.stem() == "qwen3_14b_prefill") {
      EXPECT_EQ(difference_from_evaluator(*prepare(*module), arguments, 100), "");
    }
    // In double precision: the other models choose experts, and rounding may choose others.
    const auto wide = widen_floats(*prepare(*module));
    std::vector<Literal> wide_arguments;
    for (size_t i = 0; i < arguments.size(); ++i) {
      wide_arguments.push_back(convert_leaves(arguments[i], wide->entry()->parameter(i)->shape()));
    }
    EXPECT_EQ(difference_from_evaluator(*wide, wide_arguments, 1e3), "");
  }
}

// Partitioned, on as many threads as devices, in double precision as above.
TEST(CpuBackend, PartitionedModelsEqualTheEvaluatorOnTheWhole) {
  const fs::path folder = fs::path(GSHARD_HLO_DIR) / "scaled";
  if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder;
  const std::vector<std::pair<std::string, int64_t>> cases = {
      {"llama3_8b_train", 4}, {"mixtral_8x7b_train", 8}, {"mixtral_8x7b_generate", 2}, {"qwen3_14b_prefill", 8}};
  for (const auto& [name, devices] : cases) {
    SCOPED_TRACE(name);
    const fs::path file = folder / (name + ".hlo");
    const auto module = parse_module(read_text(file), file);
    verify(*module);
    CheckOptions options;
    options.backend = Backend::cpu;
    options.partition.devices = devices;
    const CheckReport report = check(*module, options);
    EXPECT_TRUE(report.passed()) << report.largest_error();
  }
}

}  // namespace
}  // namespace gshard
