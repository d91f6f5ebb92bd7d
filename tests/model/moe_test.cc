#include "model/moe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "count_ops.h"
#include "run.h"
#include "runtime/prepare.h"
#include "shard/partition.h"

namespace gshard {
namespace {

constexpr int64_t kBatch = 8, kLength = 4, kSize = 6, kExperts = 4, kHidden = 10;

MoeOptions small_layer(Dispatch dispatch = Dispatch::einsum) {
  return {.gating = {.experts = kExperts}, .hidden = kHidden, .group_size = 4, .dispatch = dispatch};
}

struct LayerCase {
  MoeOptions options = small_layer();
  MeshLayout layout = {};
  Numerics numerics = Numerics::doubled();
};

// y of x, and then what the layer reports.
ModelProgram layer(const LayerCase& setup) {
  Model model("moe", {.layout = setup.layout, .numerics = setup.numerics, .seed = 3});
  const Tensor x = model.input("x", Shape(setup.numerics.activations, {kBatch, kLength, kSize}), {"batch"});
  std::vector<NamedTensor> results = {{"y", moe(model.scope() / "moe", x, {}, setup.options)}};
  for (const NamedTensor& metric : model.metrics()) results.push_back(metric);
  return std::move(model).finish(results);
}

std::vector<Literal> random_input() {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  std::vector<double> values(kBatch * kLength * kSize);
  for (double& value : values) value = normal(random);
  return {doubles({kBatch, kLength, kSize}, values)};
}

auto near(const Literal& expected, double tolerance) {
  return testing::Pointwise(testing::DoubleNear(tolerance), elements_of(expected));
}

// What y must be, from the layer's own combine weights.
TEST(Moe, EachTokenIsItsExpertsWeightedSum) {
  const LayerCase setup;
  Model model("moe", {.numerics = setup.numerics, .seed = 3});
  const Tensor x = model.input("x", Shape(DType::f64, {kBatch, kLength, kSize}));
  Tensor expected;
  {
    const Scope scope = model.scope() / "moe";
    const Tensor gate = scope.parameter("gate", {kSize, kExperts}, Initializer::fan_in(kSize));
    const Routing routing = route(scope, einsum("GSM,ME->GSE", x, gate), {}, setup.options.gating);
    const Tensor weight = sum(combine_weights(routing), {3});  // [G,S,E]
    const Tensor wi = scope.parameter("wi", {kExperts, kSize, kHidden}, Initializer::fan_in(kSize));
    const Tensor wo = scope.parameter("wo", {kExperts, kHidden, kSize}, Initializer::fan_in(kHidden));
    const Tensor hidden = maximum(einsum("GSM,EMH->GSEH", x, wi), 0);
    expected = einsum("GSEM,GSE->GSM", einsum("GSEH,EHM->GSEM", hidden, wo), weight);
  }
  const ModelProgram plain = std::move(model).finish({{"y", expected}});
  EXPECT_THAT(elements_of(run_whole(layer(setup), random_input())[0]),
              near(run_whole(plain, random_input())[0], 1e-12));
}

TEST(Moe, ScatterIsTheSameAsEinsum) {
  for (const bool drops : {true, false}) {
    LayerCase einsum{small_layer(Dispatch::einsum)};
    LayerCase scatter{small_layer(Dispatch::scatter)};
    if (!drops) {
      einsum.options.gating = einsum.options.gating.without_drops();
      scatter.options.gating = scatter.options.gating.without_drops();
    }
    const std::vector<Literal> expected = run_whole(layer(einsum), random_input());
    EXPECT_THAT(elements_of(run_whole(layer(scatter), random_input())[0]), near(expected[0], 1e-12));
  }
}

// Whether tokens are dropped or not, and however many choices they have.
TEST(Moe, SortedRowsAreTheSameAsSlots) {
  for (const int64_t choices : {1, 2, 3}) {
    for (const bool drops : {true, false}) {
      LayerCase slots{small_layer(Dispatch::einsum)};
      slots.options.gating.choices = choices;
      if (!drops) slots.options.gating = slots.options.gating.without_drops();
      LayerCase sorted = slots;
      sorted.options.dispatch = Dispatch::sorted;
      const std::vector<Literal> expected = run_whole(layer(slots), random_input());
      EXPECT_THAT(elements_of(run_whole(layer(sorted), random_input())[0]), near(expected[0], 1e-12)) << choices;
    }
  }
}

// Numbers of rows times their keys are more than an s32 holds.
TEST(Moe, SortedRowsOfLargeGroups) {
  constexpr int64_t kTokens = 25000;
  MoeOptions options{.gating = {.experts = 2}, .hidden = 2, .group_size = kTokens};
  options.gating = options.gating.without_drops();
  std::vector<double> values;
  for (int i = 0; i < 2 * kTokens; ++i) values.push_back(std::sin(0.37 * i));
  const auto result = [&](Dispatch dispatch) {
    options.dispatch = dispatch;
    Model model("moe", {.numerics = Numerics::doubled()});
    const Tensor y = moe(model.scope() / "moe", model.input("x", Shape(DType::f64, {1, kTokens, 2})), {}, options);
    return run_whole(std::move(model).finish({{"y", y}}), {doubles({1, kTokens, 2}, values)})[0];
  };
  EXPECT_THAT(elements_of(result(Dispatch::sorted)), near(result(Dispatch::scatter), 1e-12));
}

// One expert, one place, one group, nothing but padding.
TEST(Moe, EveryDispatchIsTheSameAtTheEdges) {
  MoeOptions one_expert = small_layer();
  one_expert.gating = {.experts = 1, .choices = 1};
  MoeOptions one_place = small_layer();
  one_place.gating.capacity = 1;
  MoeOptions one_group = small_layer();
  one_group.group_size = kBatch * kLength;
  for (const MoeOptions& options : {one_expert, one_place, one_group}) {
    LayerCase setup{options};
    const std::vector<Literal> expected = run_whole(layer(setup), random_input());
    for (const Dispatch dispatch : {Dispatch::scatter, Dispatch::sorted}) {
      setup.options.dispatch = dispatch;
      EXPECT_THAT(elements_of(run_whole(layer(setup), random_input())[0]), near(expected[0], 1e-12));
    }
  }
}

TEST(Moe, PaddingAloneGoesNowhere) {
  for (const Dispatch dispatch : {Dispatch::einsum, Dispatch::scatter, Dispatch::sorted}) {
    Model model("moe", {.numerics = Numerics::doubled()});
    const Tensor x = model.input("x", Shape(DType::f64, {kBatch, kLength, kSize}));
    const Tensor nowhere = equal(positions_along(sum(x, {2}), 0, DType::s32), -1);
    const Tensor y = moe(model.scope() / "moe", x, nowhere, small_layer(dispatch));
    const std::vector<Literal> results = run_whole(std::move(model).finish({{"y", y}}), random_input());
    EXPECT_THAT(elements_of(results[0]), testing::Each(0.0));
  }
}

int64_t elements_of_ragged_products(const Module& module) {
  int64_t count = 0;
  for (const auto& instruction : module.entry()->instructions()) {
    if (instruction->op() == Op::ragged_dot) count += instruction->shape().element_count();
  }
  return count;
}

// S rows for each choice, where slots without drops are S for each expert.
TEST(Moe, SortedRowsAreAsManyAsTokensAreSent) {
  LayerCase setup{small_layer(Dispatch::sorted)};
  setup.options.gating = setup.options.gating.without_drops();
  const ModelProgram program = layer(setup);
  EXPECT_EQ(elements_of_ragged_products(*program.module), 2 * kBatch * kLength * (kHidden + kSize));
}

TEST(Moe, EqualOnAnyDevices) {
  const MeshLayout three_axes(
      Mesh({{"data", 2}, {"expert", 2}, {"model", 2}}),
      {{"batch", "data+expert"}, {"group", "data+expert"}, {"expert", "expert"}, {"ff", "model"}});
  for (const Dispatch dispatch : {Dispatch::einsum, Dispatch::scatter, Dispatch::sorted}) {
    MoeOptions options = small_layer(dispatch);
    options.dropout = 0.2;
    const std::vector<Literal> whole = run_whole(layer({options}), random_input());
    for (const MeshLayout& layout : {MeshLayout::experts(2), MeshLayout::experts(4), MeshLayout::experts(8),
                                     MeshLayout::data(4), MeshLayout::tensor(2), MeshLayout::mixed(2, 4), three_axes}) {
      const std::vector<Literal> parts = run_partitioned(layer({options, layout}), random_input());
      ASSERT_EQ(parts.size(), whole.size());
      for (size_t i = 0; i < whole.size(); ++i) EXPECT_THAT(elements_of(parts[i]), near(whole[i], 1e-9));
    }
  }
}

TEST(Moe, OneAllToAllEachWay) {
  for (const Dispatch dispatch : {Dispatch::einsum, Dispatch::scatter}) {
    for (const Numerics& numerics : {Numerics::single(), Numerics::mixed()}) {
      const ModelProgram program = layer({small_layer(dispatch), MeshLayout::experts(4), numerics});
      const Partitioned parts = partition(*prepare(*program.module));
      EXPECT_EQ(count(*parts.module, Op::all_to_all), 2);
      EXPECT_EQ(count(*parts.module, Op::all_gather), 0);
    }
  }
}

TEST(Moe, ErrorsNameWhatDoesNotFit) {
  Model model("moe", {.layout = MeshLayout::experts(16)});
  const Tensor x = model.input("x", Shape(DType::f32, {kBatch, kLength, kSize}));
  const Scope scope = model.scope();
  EXPECT_EQ(error_of([&] { moe(scope, x, {}, small_layer()); }),
            "moe: 8 groups of 4 tokens are cut in 16 parts; make groups smaller or batches larger");
  MoeOptions options = small_layer();
  options.group_size = 5;
  EXPECT_EQ(error_of([&] { moe(scope, x, {}, options); }), "moe: 8 x 4 tokens are no multiple of groups of 5");
  EXPECT_EQ(error_of([&] { moe(scope, sum(x, {0}), {}, options); }), "moe: x is f32[4,6], must be [batch,length,size]");
}

}  // namespace
}  // namespace gshard
