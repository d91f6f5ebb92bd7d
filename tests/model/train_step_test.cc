// One whole step of training a small mixture-of-experts Transformer: dropout, random routing and the optimiser
// included.
#include "model/train_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "count_ops.h"
#include "run.h"
#include "runtime/executable.h"
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
  for (const MeshLayout& layout :
       {MeshLayout::data(2), MeshLayout::data(4), MeshLayout::experts(2), MeshLayout::experts(4),
        MeshLayout::experts(8), MeshLayout::tensor(2), MeshLayout::tensor(4), MeshLayout::mixed(2, 2),
        MeshLayout::mixed(4, 2), MeshLayout::nothing_whole(8, 1, 4), MeshLayout::nothing_whole(4, 2, 4)}) {
    const ModelProgram program = step_on(layout, kAdafactor);
    expect_equal_results(program, run_partitioned(program, translation_inputs()), whole);
  }
}

// After the first step the momentum of a weight is its gradient.
TEST(TrainStep, EveryGradientIsEqualOnAnyDevices) {
  const OptimizerOptions momentum{.rule = Sgd{0.9}, .schedule = Schedule::constant(0.1)};
  const std::vector<Literal> whole = run_whole(step_on({}, momentum), translation_inputs());
  for (const MeshLayout& layout :
       {MeshLayout::data(2), MeshLayout::experts(4), MeshLayout::tensor(2), MeshLayout::mixed(4, 2)}) {
    const ModelProgram program = step_on(layout, momentum);
    const auto gradients = std::ranges::count_if(
        program.results, [](const std::string& name) { return name.starts_with("optimizer/momentum/"); });
    EXPECT_EQ(gradients, std::ranges::count(program.parameters, Role::weight, &Parameter::role));
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

TEST(TrainStep, SortedRowsLearnWhatSlotsDo) {
  TransformerOptions options = small_model();
  options.moe.gating = options.moe.gating.without_drops();
  const std::vector<Literal> slots = run_whole(step_on({}, kAdafactor, options), translation_inputs());
  options.moe.dispatch = Dispatch::sorted;
  for (const MeshLayout& layout : {MeshLayout::experts(1), MeshLayout::experts(4), MeshLayout::mixed(2, 2)}) {
    const ModelProgram program = step_on(layout, kAdafactor, options);
    expect_equal_results(program, run_partitioned(program, translation_inputs()), slots);
  }
}

// ---- rounding -----------------------------------------------------------------------------------------------------

const char* const kMixtures[] = {"encoder/layer_1/moe", "decoder/layer_1/moe"};

// The small model, which also tells where each token goes.
ModelProgram reporting_step(const MeshLayout& layout, const Numerics& numerics) {
  TransformerOptions options = small_model();
  options.moe.gating.report = GatingReport::tokens;
  return train_step("step", {.layout = layout, .numerics = numerics, .seed = 5}, translation(options), kAdafactor);
}

// How many choices fell otherwise in `actual`; each must have been within 1e-5 of a tie, or follow one that was.
int64_t rerouted(const ModelProgram& program, const std::vector<Literal>& actual,
                 const std::vector<Literal>& expected) {
  int64_t count = 0;
  for (const std::string mixture : kMixtures) {
    const std::vector<double> now = named(program, actual, mixture + "/experts");
    const std::vector<double> then = named(program, expected, mixture + "/experts");
    const std::vector<double> gates = named(program, expected, mixture + "/gates");
    const size_t experts = 4;
    const size_t tokens = gates.size() / experts;
    for (size_t i = 0; i < now.size(); ++i) {
      if (now[i] == then[i]) continue;
      ++count;
      const auto first = gates.begin() + static_cast<std::ptrdiff_t>(i % tokens * experts);
      std::vector<double> own(first, first + static_cast<std::ptrdiff_t>(experts));
      std::ranges::sort(own);
      double nearest = 1;
      for (size_t e = 1; e < experts; ++e) nearest = std::min(nearest, own[e] - own[e - 1]);
      EXPECT_LT(nearest, 1e-5) << mixture << " choice " << i;
    }
  }
  return count;
}

void expect_near_results(const ModelProgram& program, const std::vector<Literal>& actual,
                         const std::vector<Literal>& expected, double tolerance) {
  for (size_t r = 0; r < actual.size(); ++r) {
    const std::vector<double> a = elements_of(actual[r]);
    const std::vector<double> b = elements_of(expected[r]);
    double largest = 0;
    double furthest = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      largest = std::max(largest, std::abs(b[i]));
      furthest = std::max(furthest, std::abs(a[i] - b[i]));
    }
    EXPECT_LE(furthest, tolerance * std::max(1e-3, largest)) << program.results[r];
  }
}

TEST(TrainStep, SinglePrecisionDiffersByRoundingAlone) {
  const ModelProgram whole = reporting_step({}, Numerics::single());
  const std::vector<Literal> expected = run_whole(whole, translation_inputs());
  for (const MeshLayout& layout : {MeshLayout::data(2), MeshLayout::experts(4), MeshLayout::experts(8),
                                   MeshLayout::tensor(2), MeshLayout::mixed(2, 2)}) {
    const ModelProgram program = reporting_step(layout, Numerics::single());
    const std::vector<Literal> actual = run_partitioned(program, translation_inputs());
    EXPECT_EQ(rerouted(whole, actual, expected), 0);
    expect_near_results(whole, actual, expected, 1e-4);
  }
}

// Gates that are all but equal, as sums of large numbers: who goes where is a matter of rounding, and of nothing else.
void make_ties(Literal& gate) {
  const auto weights = gate.mutable_values<float>();
  const auto experts = static_cast<size_t>(gate.shape().dim(1));
  for (size_t i = 0; i < weights.size(); i += experts) {
    const float common = 30 * weights[i];
    for (size_t e = 0; e < experts; ++e) weights[i + e] = common + 1e-6F * weights[i + e];
  }
}

TEST(TrainStep, TokensAreRoutedOtherwiseOnlyAtTies) {
  const auto routed_on = [](const MeshLayout& layout) {
    const ModelProgram program = reporting_step(layout, Numerics::single());
    std::vector<Literal> arguments = arguments_of(program, translation_inputs());
    for (size_t p = 0; p < arguments.size(); ++p) {
      const Parameter& parameter = program.parameters[p];
      if (parameter.role == Role::weight && parameter.name.ends_with("moe/gate")) make_ties(arguments[p]);
    }
    return partitioned_results_of(program, arguments);
  };
  const ModelProgram whole = reporting_step({}, Numerics::single());
  const std::vector<Literal> expected = routed_on(MeshLayout::experts(1));
  for (const MeshLayout& layout : {MeshLayout::experts(4), MeshLayout::tensor(4), MeshLayout::mixed(2, 2)}) {
    const int64_t count = rerouted(whole, routed_on(layout), expected);
    RecordProperty("rerouted on " + layout.mesh().to_string(), std::to_string(count));
  }
}

TEST(TrainStep, MixedPrecisionDiffersByTwoPercent) {
  const ModelProgram whole = reporting_step({}, Numerics::mixed());
  const std::vector<Literal> expected = run_whole(whole, translation_inputs());
  for (const MeshLayout& layout : {MeshLayout::experts(4), MeshLayout::tensor(2), MeshLayout::mixed(2, 2)}) {
    const std::vector<Literal> actual =
        run_partitioned(reporting_step(layout, Numerics::mixed()), translation_inputs());
    const auto next_values = [&](const std::vector<Literal>& all) {
      std::vector<Literal> kept;
      for (size_t r = 0; r < all.size(); ++r) {
        const std::string& name = whole.results[r];
        const bool is_weight = !name.starts_with("optimizer/") && !name.ends_with("/experts");
        kept.push_back(is_weight ? all[r] : expected[r]);
      }
      return kept;
    };
    expect_near_results(whole, next_values(actual), expected, 2e-2);
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

TEST(TrainStep, CheckpointsOfLayersChangeNoNumber) {
  TransformerOptions options = small_model();
  const std::vector<Literal> kept = run_whole(step_on({}, kAdafactor, options), translation_inputs());
  options.checkpoint_layers = true;
  for (const MeshLayout& layout : {MeshLayout::experts(1), MeshLayout::mixed(2, 2)}) {
    const ModelProgram program = step_on(layout, kAdafactor, options);
    expect_equal_results(program, run_partitioned(program, translation_inputs()), kept);
  }
}

// Bytes that a step of a language model keeps on the way.
int64_t arena_of_step(bool checkpoints) {
  TransformerOptions options = small_model();
  options.source_vocabulary = options.encoder_layers = 0;
  options.decoder_layers = 6;
  options.moe_every = 0;
  options.hidden = 64;
  options.checkpoint_layers = checkpoints;
  const auto loss = [&](Model& model) { return language_model(model, {8, 32}, options); };
  const ModelProgram program = train_step("step", {}, loss, kAdafactor);
  return Executable(Devices(1), *program.module).compiled()->arena_bytes();
}

TEST(TrainStep, CheckpointsOfLayersHoldLess) { EXPECT_LT(arena_of_step(true), arena_of_step(false) / 2); }

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
      EXPECT_EQ(count(*parts.module, Op::all_to_all), 4) << static_cast<int>(dispatch);
      EXPECT_EQ(count(*parts.module, Op::all_gather), 0);
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
