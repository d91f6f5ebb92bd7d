// The gradient of every sample against central differences, and that of its gradient.
#include "autodiff/samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "autodiff/central_differences.h"
#include "autodiff/table.h"
#include "eval/arguments.h"
#include "parse_verified.h"
#include "random_ops.h"

namespace gshard {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

// What differs, or the message of a refusal.
std::string complaint(const Module& module, uint64_t seed) {
  try {
    return gradient_difference(module, random_arguments(module, seed, {Signs::both}), {.seed = seed});
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(GradientSamples, AreThoseOfTheirDifferences) {
  for (const GradientSample& sample : differentiable_samples()) {
    const auto module = module_of(sample);
    for (uint64_t seed = 1; seed <= 3; ++seed) EXPECT_EQ(complaint(*module, seed), "") << sample.instructions;
  }
}

TEST(GradientSamples, AreDifferentiableTwice) {
  for (const GradientSample& sample : differentiable_samples()) {
    const auto once = with_gradients(*module_of(sample));
    const auto is_once_only = AnyOf(HasSubstr("batch-norm-grad has none"), HasSubstr("ragged-dot has none"));
    EXPECT_THAT(complaint(*once, 1), AnyOf("", is_once_only)) << sample.instructions;
  }
}

TEST(GradientSamples, OfNoneSayWhy) {
  for (const RefusedSample& sample : refused_samples()) {
    EXPECT_THAT(complaint(*module_of(sample), 1), HasSubstr(sample.reason)) << sample.instructions;
  }
}

void include_ops(const Module& module, std::set<Op>& seen) {
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) seen.insert(instruction->op());
  }
}

// A gradient that nobody tries is one that nobody knows to be right.
TEST(GradientSamples, HaveAllRowsOfTheTable) {
  // In control_flow_test.cc and partition_test.cc; a rounding that has no difference to compare with.
  std::set<Op> seen{Op::while_,     Op::conditional,    Op::all_gather,         Op::all_reduce,
                    Op::all_to_all, Op::reduce_scatter, Op::collective_permute, Op::stochastic_convert};
  for (const GradientSample& sample : differentiable_samples()) include_ops(*module_of(sample), seen);
  for (const OpFamily& family : op_families()) {
    for (uint64_t seed = 0; seed < 10; ++seed) include_ops(*parse_verified(family.make(seed)), seen);
  }
  for (size_t i = 0; i < kOpCount; ++i) {
    const auto op = static_cast<Op>(i);
    const bool is_differentiable = gradient_row_of(op).refusal.empty() && !is_flat(op);
    EXPECT_TRUE(!is_differentiable || seen.contains(op)) << keyword_of(op);
  }
}

}  // namespace
}  // namespace gshard
