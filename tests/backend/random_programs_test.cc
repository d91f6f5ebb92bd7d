#include <gtest/gtest.h>

#include <cstdlib>

#include "equals_evaluator.h"
#include "random_program.h"
#include "text/print.h"

namespace gshard {
namespace {

int trials() {
  const char* given = std::getenv("GSHARD_TRIALS");
  return given == nullptr ? 60 : 60 * std::atoi(given);
}

TEST(CpuBackend, RandomProgramsEqualTheEvaluator) {
  for (int seed = 0; seed < trials(); ++seed) {
    const auto module = random_program({.seed = static_cast<uint64_t>(seed)});
    const auto arguments = random_arguments(*module, static_cast<uint64_t>(seed));
    SCOPED_TRACE(seed);
    ASSERT_EQ(difference_from_evaluator(*module, arguments), "") << "seed " << seed << "\n" << print(*module);
  }
}

}  // namespace
}  // namespace gshard
