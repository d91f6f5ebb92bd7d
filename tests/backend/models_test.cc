// Real models on the CPU backend: the numbers are the evaluator's.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "equals_evaluator.h"
#include "eval/arguments.h"
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

}  // namespace
}  // namespace gshard
