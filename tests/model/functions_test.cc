#include "model/functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "run.h"

namespace gshard {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

std::vector<double> on(const std::vector<Literal>& arguments, const std::function<Tensor(Values)>& f) {
  return elements_of(run(arguments, [&](Computation&, Values x) { return f(x); }));
}

testing::Matcher<std::vector<double>> near(const std::vector<double>& expected) {
  return Pointwise(testing::DoubleNear(1e-12), expected);
}

const std::vector<double> kLogits = {0.5, -1, 2, 1000, 999, 1000};
const Literal kMatrix = doubles({2, 3}, kLogits);

std::vector<double> log_softmax_of(const std::vector<double>& logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const double x : logits) total += std::exp(x - largest);
  std::vector<double> result;
  for (const double x : logits) result.push_back(x - largest - std::log(total));
  return result;
}

std::vector<double> rows_of_log_softmax() {
  auto result = log_softmax_of({0.5, -1, 2});
  for (const double x : log_softmax_of({1000, 999, 1000})) result.push_back(x);
  return result;
}

TEST(Functions, SoftmaxOfLargeNumbersIsFinite) {
  const std::vector<double> logs = rows_of_log_softmax();
  EXPECT_THAT(on({kMatrix}, [](Values x) { return log_softmax(x[0], -1); }), near(logs));
  std::vector<double> shares;
  for (const double x : logs) shares.push_back(std::exp(x));
  EXPECT_THAT(on({kMatrix}, [](Values x) { return softmax(x[0], 1); }), near(shares));
  EXPECT_THAT(on({kMatrix}, [](Values x) { return logsumexp(x[0], -1); }), near({0.5 - logs[0], 1000 - logs[3]}));
}

TEST(Functions, SumsOfExponentialsOfInfinities) {
  const Literal x = doubles({3, 2}, {-HUGE_VAL, -HUGE_VAL, -HUGE_VAL, 1, HUGE_VAL, 1});
  EXPECT_THAT(on({x}, [](Values x) { return logsumexp(x[0], 1); }), ElementsAre(-HUGE_VAL, 1, HUGE_VAL));
}

// A class that cannot be changes nothing for the others.
TEST(Functions, CrossEntropyOfImpossibleClasses) {
  const Literal logits = doubles({1, 4}, {0.5, -1, -HUGE_VAL, 2});
  const std::vector<double> logs = log_softmax_of({0.5, -1, 2});
  EXPECT_THAT(on({logits, integers({1}, {3})}, [](Values x) { return cross_entropy(x[0], x[1]).loss; }),
              near({-logs[2]}));
}

TEST(Functions, NormsHaveMeanSquareOne) {
  const Literal x = doubles({4}, {1, 2, 3, 4});
  const Literal scale = doubles({4}, {1, 1, 2, 2});
  const double rms = std::sqrt(7.5 + 1e-6);
  EXPECT_THAT(on({x, scale}, [](Values x) { return rms_norm(x[0], x[1]); }),
              near({1 / rms, 2 / rms, 6 / rms, 8 / rms}));
  const double deviation = std::sqrt(1.25 + 1e-6);
  EXPECT_THAT(on({x, scale}, [](Values x) { return layer_norm(x[0], x[1], x[0]); }),
              near({1 - 1.5 / deviation, 2 - 0.5 / deviation, 3 + 1 / deviation, 4 + 3 / deviation}));
}

TEST(Functions, Activations) {
  const Literal x = doubles({3}, {-1, 0, 2});
  EXPECT_THAT(on({x}, [](Values x) { return relu(x[0]); }), ElementsAre(0, 0, 2));
  const auto gelu_of = [](double v) { return v * 0.5 * (1 + std::erf(v / std::sqrt(2.0))); };
  EXPECT_THAT(on({x}, [](Values x) { return gelu(x[0]); }), near({gelu_of(-1), 0, gelu_of(2)}));
  EXPECT_THAT(on({x}, [](Values x) { return silu(x[0]); }), near({-1 / (1 + M_E), 0, 2 / (1 + std::exp(-2.0))}));
}

TEST(Functions, CrossEntropySmoothsLabelsAndHoldsTheNormalizer) {
  const std::vector<double> logs = rows_of_log_softmax();
  const Literal labels = integers({2}, {2, 0});
  EXPECT_THAT(on({kMatrix, labels}, [](Values x) { return cross_entropy(x[0], x[1]).loss; }),
              near({-logs[2], -logs[3]}));
  const auto smoothed = [&](size_t row, size_t label, double normalizer) {
    double loss = 1e-4 * normalizer * normalizer;
    for (size_t c = 0; c < 3; ++c) loss -= logs[row * 3 + c] * (0.1 / 3 + (c == label ? 0.9 : 0));
    return loss;
  };
  EXPECT_THAT(on({kMatrix, labels},
                 [](Values x) { return cross_entropy(x[0], x[1], {.label_smoothing = 0.1, .z_loss = 1e-4}).loss; }),
              near({smoothed(0, 2, 0.5 - logs[0]), smoothed(1, 0, 1000 - logs[3])}));
}

TEST(Functions, SmoothingIsAShare) {
  Module module("test");
  define_entry(module, "main", {Shape(DType::f32, {2, 3}), Shape(DType::s32, {2})}, [&](Computation&, Values x) {
    EXPECT_EQ(error_of([&] { cross_entropy(x[0], x[1], {.label_smoothing = 1.5}); }),
              "cross_entropy: a label smoothing of 1.5, must be in [0, 1]");
    return x[0];
  });
}

TEST(Functions, RefuseTypesTooNarrowToAddUpIn) {
  Module module("test");
  define_entry(module, "main", {Shape(DType::bf16, {4})}, [&](Computation&, Values x) {
    EXPECT_EQ(error_of([&] { softmax(x[0], -1); }), "softmax: of bf16[4]; convert() it to f32");
    return x[0];
  });
}

}  // namespace
}  // namespace gshard
