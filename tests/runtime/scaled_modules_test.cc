// Real modules with random arguments that make sense give finite results, in their own precision and in double.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "eval/arguments.h"
#include "eval/evaluate.h"
#include "runtime/load.h"
#include "runtime/results.h"
#include "transform/widen_floats.h"

namespace gshard {
namespace {

class ScaledModule : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Hlo, ScaledModule,
                         testing::Values("llama3_8b_train", "mixtral_8x7b_generate", "mixtral_8x7b_train",
                                         "qwen3_14b_prefill"),
                         [](const auto& info) { return info.param; });

std::vector<Summary> summaries_of(const Literal& result) {
  std::vector<Summary> summaries;
  for_each_leaf(result, [&](const std::string& name, const Literal& array) {
    summaries.push_back(summarize(array, 0));
    EXPECT_EQ(summaries.back().non_finite, 0) << name << ": " << array.shape().to_string();
  });
  return summaries;
}

TEST_P(ScaledModule, EvaluatesToFiniteValuesLikeThoseOfDoublePrecision) {
  const std::string path = std::string(GSHARD_HLO_DIR) + "/scaled/" + GetParam() + ".hlo";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const Program program = load(path);
  std::vector<Literal> arguments = random_arguments(*program.module, 1);
  const std::vector<Summary> narrow = summaries_of(evaluate(*program.module, arguments));

  const auto wide = widen_floats(*program.module);
  for (size_t i = 0; i < arguments.size(); ++i) {
    arguments[i] = convert_leaves(arguments[i], wide->entry()->parameter(i)->shape());
  }
  const std::vector<Summary> exact = summaries_of(evaluate(*wide, arguments));
  ASSERT_EQ(narrow.size(), exact.size());
  for (size_t i = 0; i < narrow.size(); ++i) {
    EXPECT_NEAR(narrow[i].mean, exact[i].mean, 0.1 * std::abs(exact[i].mean) + 1e-3) << "result " << i;
  }
}

}  // namespace
}  // namespace gshard
