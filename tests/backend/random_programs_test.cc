#include <gtest/gtest.h>

#include "equals_evaluator.h"
#include "random_program.h"
#include "shard/trials.h"
#include "text/print.h"

namespace gshard {
namespace {

TEST(CpuBackend, RandomProgramsEqualTheEvaluator) {
  for (uint64_t seed = 0; seed < trials(60); ++seed) {
    const auto module = random_program({.seed = seed});
    const auto arguments = random_arguments(*module, seed);
    SCOPED_TRACE(seed);
    ASSERT_EQ(difference_from_evaluator(*module, arguments), "") << "seed " << seed << "\n" << print(*module);
  }
}

}  // namespace
}  // namespace gshard
