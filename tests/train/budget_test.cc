// Budgets and learning rates, worked out by hand.
#include "train/budget.h"

#include <gtest/gtest.h>

namespace gshard {
namespace {

TEST(Budget, WhatIsReachedFirstEndsTheRun) {
  const Budget budget{.steps = 100, .tokens = 1000, .minutes = 2};
  EXPECT_DOUBLE_EQ(budget.done({.steps = 25}), 0.25);
  EXPECT_DOUBLE_EQ(budget.done({.steps = 25, .tokens = 500}), 0.5);
  EXPECT_DOUBLE_EQ(budget.done({.steps = 25, .tokens = 500, .seconds = 90}), 0.75);
  EXPECT_DOUBLE_EQ(budget.done({.steps = 101}), 1);
  EXPECT_DOUBLE_EQ(Budget{}.done({.steps = 1000}), 0);
}

TEST(LearningRate, RisesAndFallsToZeroOverTheBudget) {
  const LearningRate rate{.peak = 2, .decay = Decay::linear, .warmup = 0.2};
  EXPECT_DOUBLE_EQ(learning_rate(rate, 0.1, 10), 1);
  EXPECT_DOUBLE_EQ(learning_rate(rate, 0.2, 20), 2);
  EXPECT_DOUBLE_EQ(learning_rate(rate, 0.6, 60), 1);
  EXPECT_DOUBLE_EQ(learning_rate(rate, 1, 100), 0);
  const LearningRate wave{.peak = 2, .decay = Decay::cosine};
  EXPECT_DOUBLE_EQ(learning_rate(wave, 0, 0), 2);
  EXPECT_DOUBLE_EQ(learning_rate(wave, 0.5, 0), 1);
  EXPECT_NEAR(learning_rate(wave, 1, 0), 0, 1e-15);
}

TEST(LearningRate, RisesOverAFewStepsAtLeast) {
  const LearningRate rate{.peak = 1, .warmup = 0.01, .least_warmup = 200};
  EXPECT_DOUBLE_EQ(learning_rate(rate, 0.02, 49), 0.25);
  EXPECT_GT(learning_rate(rate, 0.02, 300), 0.9);
}

TEST(LearningRate, TheFirstStepHasOne) {
  EXPECT_DOUBLE_EQ(learning_rate({.peak = 2, .warmup = 0.05}, 0, 0), 0.01);
  EXPECT_DOUBLE_EQ(learning_rate({.peak = 2, .warmup = 0.05, .least_warmup = 1000}, 0, 0), 0.002);
}

TEST(LearningRate, InverseRootFollowsTheStepsAlone) {
  const LearningRate rate{.peak = 1, .decay = Decay::inverse_root, .warmup = 0.5, .least_warmup = 100};
  EXPECT_DOUBLE_EQ(learning_rate(rate, 0.9, 49), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(rate, 0.1, 100), 1);
  EXPECT_DOUBLE_EQ(learning_rate(rate, 0.1, 400), 0.5);
}

}  // namespace
}  // namespace gshard
