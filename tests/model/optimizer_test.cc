#include "model/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/train_step.h"
#include "run.h"

namespace gshard {
namespace {

// ---- schedules ------------------------------------------------------------------------------------------------------

double rate(const Schedule& schedule, double step) {
  return elements_of(run({doubles({}, {step})}, [&](Computation&, Values x) { return rate_at(schedule, x[0]); }))[0];
}

TEST(Schedule, TakesItsCourse) {
  EXPECT_EQ(rate(Schedule::constant(0.5), 1000), 0.5);
  const Schedule root = Schedule::inverse_root(1, 10000);
  EXPECT_NEAR(rate(root, 0), 0.01, 1e-12);
  EXPECT_NEAR(rate(root, 40000), 0.005, 1e-12);
  const Schedule wave = Schedule::cosine(2, 100).with_ramp(10);
  EXPECT_NEAR(rate(wave, 4), 0.5 * (1 + std::cos(M_PI * 0.04)), 1e-12);
  EXPECT_NEAR(rate(wave, 50), 1, 1e-12);
  EXPECT_NEAR(rate(wave, 1000), 0, 1e-12);
}

// ---- rules, against plain loops over three steps
// ----------------------------------------------------------------------

constexpr size_t kRows = 3, kColumns = 4;

// A weight [3,4] and a loss whose gradient at any time is x * (its step's weight).
ModelProgram step_of(const OptimizerOptions& options) {
  return train_step(
      "test", {.numerics = Numerics::doubled()},
      [](Model& model) {
        const Tensor x = model.input("x", Shape(DType::f64, {kRows, kColumns}));
        const Tensor w = model.scope().parameter("w", {kRows, kColumns}, Initializer::uniform(1));
        return sum(w * x * x * x);
      },
      options);
}

// Runs as many steps as there are inputs; the weight after each.
std::vector<std::vector<double>> weights_after(const OptimizerOptions& options,
                                               const std::vector<std::vector<double>>& inputs) {
  const ModelProgram program = step_of(options);
  std::vector<Literal> arguments = arguments_of(program, {doubles({kRows, kColumns}, inputs[0])});
  const auto x = std::ranges::find(program.parameters, "x", &Parameter::name) - program.parameters.begin();
  std::vector<std::vector<double>> weights;
  for (const std::vector<double>& input : inputs) {
    arguments[static_cast<size_t>(x)] = doubles({kRows, kColumns}, input);
    const std::vector<Literal> results = results_of(program, arguments);
    carry_over(program, results, arguments);
    weights.push_back(named(program, results, "w"));
  }
  return weights;
}

using Matrix = std::vector<double>;

std::vector<Matrix> inputs() {
  std::vector<Matrix> all;
  for (int step = 0; step < 3; ++step) {
    Matrix input(kRows * kColumns);
    for (size_t i = 0; i < input.size(); ++i) input[i] = std::sin(static_cast<double>(i * 3) + step);
    all.push_back(input);
  }
  return all;
}

Matrix first_weight() {
  const Parameter w{"w", Shape(DType::f64, {kRows, kColumns}), Role::weight, Initializer::uniform(1)};
  return elements_of(initial_value(w, 1));
}

Matrix gradient_of(const Matrix& input) {
  Matrix gradient;
  for (const double x : input) gradient.push_back(x * x * x);
  return gradient;
}

double rms(const Matrix& x) {
  double squares = 0;
  for (const double element : x) squares += element * element;
  return std::sqrt(squares / static_cast<double>(x.size()));
}

// Steps of w by `change`, which gets the step from 1, the weight and the gradient.
void expect_steps(const OptimizerOptions& options, const std::function<Matrix(int, const Matrix&, Matrix)>& change) {
  const std::vector<Matrix> weights = weights_after(options, inputs());
  Matrix w = first_weight();
  for (int step = 1; step <= 3; ++step) {
    const Matrix by = change(step, w, gradient_of(inputs()[static_cast<size_t>(step) - 1]));
    for (size_t i = 0; i < w.size(); ++i) w[i] += by[i];
    EXPECT_THAT(weights[static_cast<size_t>(step) - 1], testing::Pointwise(testing::DoubleNear(1e-12), w)) << step;
  }
}

OptimizerOptions with(auto rule) { return {.rule = rule, .schedule = Schedule::constant(0.1)}; }

TEST(Optimizer, MomentumRollsOn) {
  Matrix v(kRows * kColumns);
  expect_steps(with(Sgd{0.9}), [&](int, const Matrix&, Matrix g) {
    for (size_t i = 0; i < g.size(); ++i) g[i] = -0.1 * (v[i] = 0.9 * v[i] + g[i]);
    return g;
  });
}

TEST(Optimizer, AdamWithDecay) {
  Matrix m(kRows * kColumns);
  Matrix v(kRows * kColumns);
  expect_steps(with(Adam{.decay = 0.01}), [&](int step, const Matrix& w, Matrix g) {
    for (size_t i = 0; i < g.size(); ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      const double root = std::sqrt(v[i] / (1 - std::pow(0.999, step)));
      g[i] = -0.1 * (m[i] / (1 - std::pow(0.9, step)) / (root + 1e-8) + 0.01 * w[i]);
    }
    return g;
  });
}

Matrix adafactor_change(const Matrix& w, const Matrix& g, const Matrix& second_moment) {
  Matrix update;
  for (size_t i = 0; i < g.size(); ++i) update.push_back(g[i] / std::sqrt(second_moment[i]));
  const double factor = 0.1 * std::max(rms(w), 1e-3) / std::max(rms(update), 1.0);
  for (double& element : update) element *= -factor;
  return update;
}

TEST(Optimizer, AdafactorOfSmallMatricesKeepsEverySquare) {
  Matrix v(kRows * kColumns);
  expect_steps(with(Adafactor{}), [&](int step, const Matrix& w, const Matrix& g) {
    const double decay = 1 - std::pow(step, -0.8);
    for (size_t i = 0; i < g.size(); ++i) v[i] = decay * v[i] + (1 - decay) * (g[i] * g[i] + 1e-30);
    return adafactor_change(w, g, v);
  });
}

TEST(Optimizer, AdafactorKeepsRowsAndColumns) {
  Matrix rows(kRows);
  Matrix columns(kColumns);
  expect_steps(with(Adafactor{.smallest_factored = 2}), [&](int step, const Matrix& w, const Matrix& g) {
    const double decay = 1 - std::pow(step, -0.8);
    for (double& row : rows) row *= decay;
    for (double& column : columns) column *= decay;
    for (size_t i = 0; i < g.size(); ++i) {
      const double square = (1 - decay) * (g[i] * g[i] + 1e-30);
      rows[i / kColumns] += square / kColumns;
      columns[i % kColumns] += square / kRows;
    }
    const double mean = (rows[0] + rows[1] + rows[2]) / kRows;
    Matrix v(g.size());
    for (size_t i = 0; i < g.size(); ++i) v[i] = rows[i / kColumns] * columns[i % kColumns] / mean;
    return adafactor_change(w, g, v);
  });
}

TEST(Optimizer, GradientsAreClippedTogether) {
  OptimizerOptions options = with(Sgd{0});
  options.clip_norm = 0.25;
  expect_steps(options, [&](int, const Matrix&, Matrix g) {
    const double norm = rms(g) * std::sqrt(kRows * kColumns);
    for (double& element : g) element *= -0.1 * std::min(0.25 / norm, 1.0);
    return g;
  });
}

TEST(Optimizer, StepsThatAreNotFiniteAreSkipped) {
  std::vector<Matrix> three = inputs();
  three[1][5] = HUGE_VAL;
  const std::vector<Matrix> weights = weights_after(with(Adam{}), three);
  EXPECT_EQ(weights[1], weights[0]);
  EXPECT_NE(weights[2], weights[1]);
  for (const double w : weights[2]) EXPECT_TRUE(std::isfinite(w));
}

// All that the step would have changed, the moments too, is as before it; only the step is counted.
TEST(Optimizer, ASkippedStepChangesNoState) {
  const ModelProgram program = step_of(with(Adam{}));
  std::vector<Literal> arguments = arguments_of(program, {doubles({kRows, kColumns}, inputs()[0])});
  std::vector<Literal> results = results_of(program, arguments);
  EXPECT_EQ(named(program, results, "skipped")[0], 0);
  carry_over(program, results, arguments);
  const auto x = std::ranges::find(program.parameters, "x", &Parameter::name) - program.parameters.begin();
  arguments[static_cast<size_t>(x)].mutable_values<double>()[3] = HUGE_VAL;
  const std::vector<Literal> after = results_of(program, arguments);
  EXPECT_EQ(named(program, after, "skipped")[0], 1);
  EXPECT_EQ(named(program, after, "step")[0], 2);
  for (const char* kept : {"w", "optimizer/m/w", "optimizer/v/w"}) {
    EXPECT_EQ(named(program, after, kept), named(program, results, kept)) << kept;
  }
}

TEST(Optimizer, OptionsAreChecked) {
  const auto refused = [](const OptimizerOptions& options) {
    return error_of([&] {
      Model model("m");
      const Tensor w = model.scope().parameter("w", {4}, {});
      optimize(model, sum(w * w), model.state("step", Shape(DType::s32)), options);
    });
  };
  EXPECT_EQ(refused({}), "");
  EXPECT_EQ(refused(with(Adam{.beta1 = 1})), "optimize: beta1 is 1, must be at least 0 and less than 1");
  EXPECT_EQ(refused(with(Adam{.epsilon = 0})), "optimize: epsilon is 0, must be more than 0");
  EXPECT_EQ(refused(with(Adafactor{.clip = 0})), "optimize: clip is 0, must be more than 0");
  EXPECT_EQ(refused(with(Sgd{-0.5})), "optimize: momentum is -0.5, must be at least 0 and less than 1");
  EXPECT_EQ(refused({.schedule = Schedule::constant(-1)}), "optimize: rate is -1, must be at least 0");
  EXPECT_EQ(refused({.clip_norm = -1}), "optimize: clip_norm is -1, must be at least 0");
  EXPECT_EQ(refused({.micro_batches = 0}), "optimize: micro_batches is 0, must be at least 1");
}

TEST(Optimizer, ExpertsAreToldApart) {
  Model model("m");
  const Tensor w = model.scope().parameter("w", {256, 128, 64}, Initializer::normal(1), {"expert", "model", "ff"});
  const Tensor v = model.scope().parameter("v", {256, 128, 160}, Initializer::normal(1), {"expert", "model", "ff"});
  optimize(model, sum(w) + sum(v), model.state("step", Shape(DType::s32)), {});
  std::map<std::string, Dims> sizes;
  for (const Parameter& parameter : model.parameters()) sizes[parameter.name] = parameter.shape.dims();
  EXPECT_EQ(sizes.at("optimizer/v/w"), (Dims{256, 128, 64}));
  EXPECT_EQ(sizes.at("optimizer/v_rows/v"), (Dims{256, 128}));
  EXPECT_EQ(sizes.at("optimizer/v_columns/v"), (Dims{256, 160}));
}

TEST(Optimizer, StateMayBeCutFurtherThanWeights) {
  const MeshLayout layout = MeshLayout::mixed(4, 2).with_state_over("data");
  EXPECT_THAT(layout.state_axes_of({"", "ff"}, {8, 16}), testing::ElementsAre("", "model+data"));
  EXPECT_THAT(layout.state_axes_of({"", "ff"}, {8, 6}), testing::ElementsAre("data", "model"));
  EXPECT_THAT(layout.state_axes_of({"expert", "ff"}, {8, 16}), testing::ElementsAre("data", "model"));
  EXPECT_THAT(layout.state_axes_of({}, {}), testing::ElementsAre());
}

}  // namespace
}  // namespace gshard
