// The gradient of every sample against central differences.
#include "autodiff/samples.h"

#include <gtest/gtest.h>

#include "autodiff/central_differences.h"
#include "eval/arguments.h"

namespace gshard {
namespace {

TEST(Samples, HaveTheGradientsOfTheirDifferences) {
  for (const GradientSample& sample : differentiable_samples()) {
    SCOPED_TRACE(sample.instructions);
    const auto module = module_of(sample);
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      const std::vector<Literal> arguments = random_arguments(*module, seed, {Signs::both});
      EXPECT_NO_THROW(EXPECT_EQ(gradient_difference(*module, arguments, {.seed = seed}), ""));
    }
  }
}

}  // namespace
}  // namespace gshard
