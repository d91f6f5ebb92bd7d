// One whole step of training a small mixture-of-experts Transformer: dropout, random routing and the optimiser
// included.
#include "model/train_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "run.h"
#include "runtime/prepare.h"
#include "shard/partition.h"
#include "small_model.h"

namespace gshard {
namespace {

LossFunction translation(const TransformerOptions& options) {
  return [options](Model& model) { return translation_model(model, {kBatch, kLength}, options); };
}

ModelProgram step_on(const MeshLayout& layout, const OptimizerOptions& optimizer,
                     const TransformerOptions& options = small_model()) {
  return train_step("step", {.layout = layout, .numerics = Numerics::doubled(), .seed = 5}, translation(options),
                    optimizer);
}

void expect_equal_results(const ModelProgram& program, const std::vector<Literal>& actual,
                          const std::vector<Literal>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_THAT(elements_of(actual[i]), testing::Pointwise(testing::DoubleNear(1e-9), elements_of(expected[i])))
        << program.results[i];
  }
}

const OptimizerOptions kAdafactor{.rule = Adafactor{.smallest_factored = 4}, .schedule = Schedule::constant(0.1)};

TEST(TrainStep, EqualOnAnyDevices) {
  const std::vector<Literal> whole = run_whole(step_on({}, kAdafactor), translation_inputs());
  for (const MeshLayout& layout : {MeshLayout::data(2), MeshLayout::data(4), MeshLayout::experts(2),
                                   MeshLayout::experts(4), MeshLayout::experts(8), MeshLayout::tensor(2),
                                   MeshLayout::tensor(4), MeshLayout::mixed(2, 2), MeshLayout::mixed(4, 2)}) {
    const ModelProgram program = step_on(layout, kAdafactor);
    expect_equal_results(program, run_partitioned(program, translation_inputs()), whole);
  }
}

TEST(TrainStep, EqualWithRowsDispatchedAndStateCutFurther) {
  TransformerOptions options = small_model();
  options.moe.dispatch = Dispatch::scatter;
  const OptimizerOptions adam{.rule = Adam{}, .schedule = Schedule::constant(0.1), .clip_norm = 1};
  const std::vector<Literal> whole = run_whole(step_on({}, adam, options), translation_inputs());
  for (const MeshLayout& layout : {MeshLayout::experts(4), MeshLayout::data(4).with_state_over("data"),
                                   MeshLayout::mixed(2, 2).with_state_over("data")}) {
    const ModelProgram program = step_on(layout, adam, options);
    expect_equal_results(program, run_partitioned(program, translation_inputs()), whole);
  }
}

// Rounding differs, and with it nothing but the last digits: no gate of this batch is near a tie.
TEST(TrainStep, NarrowerTypesDifferByRoundingAlone) {
  const auto step = [](const MeshLayout& layout, const Numerics& numerics) {
    return train_step("step", {.layout = layout, .numerics = numerics, .seed = 5}, translation(small_model()),
                      kAdafactor);
  };
  for (const auto& [numerics, tolerance] : {std::pair{Numerics::single(), 1e-4}, {Numerics::mixed(), 2e-2}}) {
    const ModelProgram whole = step({}, numerics);
    const std::vector<Literal> expected = run_whole(whole, translation_inputs());
    for (const MeshLayout& layout : {MeshLayout::experts(4), MeshLayout::tensor(2), MeshLayout::mixed(2, 2)}) {
      const std::vector<Literal> actual = run_partitioned(step(layout, numerics), translation_inputs());
      for (const char* name : {"loss", "gradient_norm", "decoder/layer_1/moe/balance", "decoder/layer_1/moe/wi"}) {
        const std::vector<double> a = named(whole, actual, name);
        const std::vector<double> b = named(whole, expected, name);
        for (size_t i = 0; i < a.size(); ++i)
          EXPECT_NEAR(a[i], b[i], tolerance * std::max(1.0, std::abs(b[i]))) << name;
      }
      const char* counts = "encoder/layer_1/moe/tokens_per_expert";
      if (numerics.activations == DType::bf16) continue;
      EXPECT_EQ(named(whole, actual, counts), named(whole, expected, counts));
    }
  }
}

TEST(TrainStep, GradientsAreThoseOfSmallDifferences) {
  // With this the weights' next values are the weights less their gradients.
  const ModelProgram program =
      step_on({}, {.rule = Sgd{0}, .schedule = Schedule::constant(1), .non_finite = NonFinite::apply});
  const std::vector<Literal> arguments = arguments_of(program, translation_inputs());
  const auto loss_of = [&](const std::vector<Literal>& with) {
    return named(program, results_of(program, with), "loss")[0];
  };
  const std::vector<Literal> after = results_of(program, arguments);
  for (size_t i = 0; i < program.results.size(); ++i) {
    const auto found = std::ranges::find(program.parameters, program.results[i], &Parameter::name);
    if (found == program.parameters.end() || found->role != Role::weight) continue;
    const auto p = static_cast<size_t>(found - program.parameters.begin());
    const std::vector<double> before = elements_of(arguments[p]);
    for (const size_t element : {size_t{0}, before.size() / 2, before.size() - 1}) {
      constexpr double kStep = 1e-6;
      const auto loss_at = [&](double by) {
        std::vector<Literal> moved = arguments;
        moved[p].mutable_values<double>()[element] += by;
        return loss_of(moved);
      };
      const double slope = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
      EXPECT_NEAR(before[element] - elements_of(after[i])[element], slope, 1e-7) << found->name << " " << element;
    }
  }
}

int64_t count_of(const Module& module, Op op) {
  int64_t count = 0;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) count += instruction->op() == op ? 1 : 0;
  }
  return count;
}

// Experts on their devices, groups on theirs: tokens go to experts and back, and their gradients the other way.
TEST(TrainStep, OneAllToAllEachWayForwardAndBackward) {
  for (const Dispatch dispatch : {Dispatch::einsum, Dispatch::scatter}) {
    for (const Numerics& numerics : {Numerics::single(), Numerics::mixed()}) {
      const MoeOptions options{.gating = {.experts = 4}, .hidden = 12, .group_size = 4, .dispatch = dispatch};
      const ModelProgram program =
          train_step("layer", {.layout = MeshLayout::experts(4), .numerics = numerics}, [&](Model& model) {
            const Tensor x = model.input("x", Shape(DType::f32, {8, 4, 6}), {"batch"});
            const Tensor w = model.scope().parameter("w", {6, 6}, Initializer::fan_in(6));
            const Scope scope = model.scope() / "moe";
            const Tensor in = scope.activation(einsum("BLM,MN->BLN", x, w));
            const Tensor y = scope.exact(moe(scope, in, {}, options));
            return mean(y * y);
          });
      const Partitioned parts = partition(*prepare(*program.module));
      EXPECT_EQ(count_of(*parts.module, Op::all_to_all), 4) << static_cast<int>(dispatch);
      EXPECT_EQ(count_of(*parts.module, Op::all_gather), 0);
    }
  }
}

TEST(TrainStep, LossFalls) {
  const ModelProgram program = step_on({}, {.rule = Adam{}, .schedule = Schedule::constant(0.01)});
  std::vector<Literal> arguments = arguments_of(program, translation_inputs());
  std::vector<double> losses;
  for (int step = 0; step < 20; ++step) {
    const std::vector<Literal> results = results_of(program, arguments);
    carry_over(program, results, arguments);
    losses.push_back(named(program, results, "loss")[0]);
  }
  EXPECT_LT(losses.back(), losses.front() - 0.3);
}

}  // namespace
}  // namespace gshard
