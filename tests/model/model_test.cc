#include "model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "run.h"
#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Model, ParametersHaveThePathsOfTheirScopes) {
  Model model("m");
  const Tensor w = (model.scope() / "encoder" / "layer_0").parameter("w", {2, 3}, Initializer::constant(1));
  model.state("step", Shape(DType::s32));
  EXPECT_EQ(model.parameters()[0].name, "encoder/layer_0/w");
  EXPECT_EQ(w->name(), "encoder.layer_0.w");
  EXPECT_EQ(model.weights().size(), 1);
  EXPECT_EQ(error_of([&] { (model.scope() / "encoder" / "layer_0").parameter("w", {2}, {}); }),
            "parameter: there is a 'encoder/layer_0/w' already");
}

// Programs are read back from their text.
TEST(Model, InstructionsHaveNamesThatHloReads) {
  Model model("m");
  Tensor total = model.input("x", Shape(DType::f32));
  std::vector<std::string> names;
  for (const char* name : {"a/b", "a.b", "my layer", "1", "", "x\"y"}) {
    const Tensor w = (model.scope() / "s").parameter(name, {}, Initializer::constant(1));
    names.push_back(w->name());
    total = total + w;
  }
  EXPECT_THAT(names, ElementsAre("s.a.b", "s.a.b_2", "s.my_layer", "s.1", "s.", "s.x_y"));
  const ModelProgram program = std::move(model).finish({{"total", total}});
  EXPECT_EQ(print(*parse_module(print(*program.module))), print(*program.module));
}

TEST(Model, ParametersHaveNoNegativeSizes) {
  Model model("m");
  EXPECT_EQ(error_of([&] { model.scope().parameter("w", {-3, 2}, {}); }),
            "parameter: 'w' is f32[-3,2], of a negative size");
}

TEST(Model, WhatIsRecomputedMayUpdateState) {
  Model model("m");
  const Tensor x = model.input("x", Shape(DType::f32, {3}));
  const Tensor before = model.state("total", Shape(DType::f32, {3}), Initializer::constant(10));
  const Tensor y = model.scope().recomputed([&] {
    const Tensor twice = x * 2;
    model.update("total", before + twice);
    return sine(twice);
  });
  const ModelProgram program = std::move(model).finish({{"y", y}});
  Literal input(Shape(DType::f32, {3}));
  std::iota(input.mutable_values<float>().begin(), input.mutable_values<float>().end(), 1.0F);
  EXPECT_THAT(named(program, run_whole(program, {input}), "total"), ElementsAre(12, 14, 16));
}

TEST(Model, OperationsHaveTheNameOfTheInnermostScope) {
  Model model("m");
  Tensor x = model.input("x", Shape(DType::f32, {4}));
  Tensor inner;
  Tensor outer;
  {
    const Scope layer = model.scope() / "layer";
    {
      const Scope attention = layer / "attention";
      inner = x * 2;
    }
    outer = inner + 1;
  }
  EXPECT_EQ(inner->notes().metadata->op_name, "layer/attention/multiply");
  EXPECT_EQ(outer->notes().metadata->op_name, "layer/add");
  EXPECT_THAT(outer->notes().metadata->source_file, HasSubstr("model_test.cc"));
}

TEST(Model, UpdatesShareTheMemoryOfWhatTheyUpdate) {
  Model model("m");
  model.input("x", Shape(DType::f32, {4}));
  const Tensor w = model.scope().parameter("w", {4}, Initializer::constant(3));
  const Tensor step = model.state("step", Shape(DType::s32));
  model.update("w", w * 2);
  model.update("step", step + 1);
  EXPECT_EQ(error_of([&] { model.update("x", w); }), "update: there is no weight and no state 'x'");
  EXPECT_EQ(error_of([&] { model.update("w", step); }), "update: 'w' is f32[4], its next value s32[]");
  const ModelProgram program = std::move(model).finish({{"total", sum(w)}});
  EXPECT_THAT(program.results, ElementsAre("w", "step", "total"));
  const std::vector<InputOutputAlias> expected = {{{0}, 1, {}, false}, {{1}, 2, {}, false}};
  EXPECT_EQ(program.module->header().input_output_alias, expected);
  const std::vector<Literal> results = run_whole(program, {Literal(Shape(DType::f32, {4}))});
  EXPECT_THAT(elements_of(results[0]), ElementsAre(6, 6, 6, 6));
  EXPECT_THAT(elements_of(results[2]), ElementsAre(12));
}

TEST(Model, ResultsHaveNamesOfTheirOwn) {
  const auto finished = [](const std::vector<std::string>& names) {
    Model model("m");
    const Tensor w = model.scope().parameter("w", {4}, {});
    std::vector<NamedTensor> results;
    for (const std::string& name : names) results.push_back({name, sum(w)});
    return error_of([&] { std::move(model).finish(results); });
  };
  EXPECT_EQ(finished({"y", "y"}), "finish: 'y' is the name of another result, of a weight or of state");
  EXPECT_EQ(finished({"w"}), "finish: 'w' is the name of another result, of a weight or of state");
  EXPECT_EQ(finished({}), "finish: a model without updates and results does nothing");
}

TEST(Model, EmbeddingsAreCutAsTheirUsesWantThem) {
  const MeshLayout layout = MeshLayout::nothing_whole(2048);
  EXPECT_EQ(layout.mesh().to_string(), "[rows=32, vocab=32, vector=2, model=1]");
  EXPECT_THAT(layout.axes_of({"batch.logits", "", "model.logits"}), ElementsAre("rows+vocab", "", "vector"));
  EXPECT_THAT(layout.axes_of({"batch", "", "model"}), ElementsAre("rows+vocab+vector", "", ""));
  EXPECT_THAT(MeshLayout::experts(8).axes_of({"batch.logits", "", "model.logits"}), ElementsAre("device", "", ""));
  EXPECT_EQ(error_of([] { MeshLayout::nothing_whole(128); }),
            "layout: 128 x 1 devices are too few to hold 1/64 of each embedding");
}

TEST(Model, LayoutsCutByTheNamesOfDimensions) {
  const MeshLayout layout = MeshLayout::mixed(4, 2);
  EXPECT_THAT(layout.axes_of({"batch", "", "ff"}), ElementsAre("data", "", "model"));
  EXPECT_THAT(layout.axes_of({"expert", "group", "model"}), ElementsAre("data", "", ""));
  EXPECT_EQ(layout.parts("batch"), 4);
  EXPECT_EQ(layout.parts("model"), 1);
  EXPECT_EQ(error_of([&] { layout.parts_along("ff"); }), "layout: the mesh [data=4, model=2] has no axis 'ff'");
  EXPECT_EQ(error_of([] {
              MeshLayout(Mesh({{"data", 2}}), {{"ff", "model"}});
            }),
            "layout: ff is cut by 'model', which the mesh [data=2] has not");
  Model model("m", {.layout = layout});
  const Tensor x = model.input("x", Shape(DType::f32, {8, 4}), {"batch", "ff"});
  ASSERT_NE(x->notes().sharding, nullptr);
  EXPECT_EQ(x->notes().sharding->tiles.dims, (Dims{4, 2}));
  EXPECT_EQ(error_of([&] {
              model.scope().annotate(x, {"batch", "", ""});
            }),
            "annotation: 3 names for the dimensions of f32[8,4]");
}

TEST(Model, InitialValuesHaveTheirDeviation) {
  const auto deviation_of = [](const Initializer& initializer) {
    const Parameter parameter{"w", Shape(DType::f32, {100, 100}), Role::weight, initializer};
    double squares = 0;
    double total = 0;
    for (const double x : elements_of(initial_value(parameter, 1))) {
      squares += x * x;
      total += x;
    }
    EXPECT_NEAR(total / 1e4, 0, 4 * std::sqrt(squares / 1e4) / 100);
    return std::sqrt(squares / 1e4);
  };
  EXPECT_NEAR(deviation_of(Initializer::normal(2)), 2, 0.06);
  EXPECT_NEAR(deviation_of(Initializer::uniform(3)), std::sqrt(3), 0.05);
  EXPECT_NEAR(deviation_of(Initializer::fan_in(16)), 0.25, 0.01);
  const Parameter a{"a", Shape(DType::f32, {8}), Role::weight, Initializer::normal(1)};
  const Parameter b{"b", Shape(DType::f32, {8}), Role::weight, Initializer::normal(1)};
  EXPECT_NE(elements_of(initial_value(a, 1)), elements_of(initial_value(b, 1)));
  EXPECT_NE(elements_of(initial_value(a, 1)), elements_of(initial_value(a, 2)));
}

// x [64,32] of ones, dropped out twice in one scope.
ModelProgram dropping(MeshLayout layout, Mode mode = Mode::train) {
  Model model("dropping", {.layout = std::move(layout), .mode = mode});
  const Tensor x = model.input("x", Shape(DType::f32, {64, 32}), {"batch", "ff"});
  model.set_step_seed(model.input("seed", Shape(DType::u64)));
  const Scope scope = model.scope() / "layer";
  const Tensor once = scope.dropout(x, 0.25);
  const Tensor again = scope.dropout(x, 0.25);
  return std::move(model).finish({{"once", once}, {"again", again}});
}

std::vector<Literal> ones_and_seed(uint64_t seed) {
  Literal ones(Shape(DType::f32, {64, 32}));
  std::ranges::fill(ones.mutable_values<float>(), 1.0F);
  return {ones, Literal::scalar(DType::u64, seed)};
}

TEST(Model, DropoutKeepsTheMeanAndDiffersByPlaceAndStep) {
  const ModelProgram program = dropping({});
  const std::vector<Literal> first = run_whole(program, ones_and_seed(1));
  const std::vector<double> values = elements_of(first[0]);
  EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0) / 2048, 1, 0.05);
  EXPECT_EQ(first, run_whole(program, ones_and_seed(1)));
  EXPECT_NE(first[0], first[1]);
  EXPECT_NE(first[0], run_whole(program, ones_and_seed(2))[0]);
  EXPECT_EQ(run_whole(dropping({}, Mode::evaluate), ones_and_seed(1))[0], ones_and_seed(1)[0]);
}

TEST(Model, DropoutOfNothingOrEverything) {
  Model model("m");
  const Tensor x = model.input("x", Shape(DType::f32, {4}));
  EXPECT_EQ(model.scope().dropout(x, 0).instruction(), x.instruction());
  EXPECT_EQ(error_of([&] { model.scope().dropout(x, 1); }), "dropout: a rate of 1, must be in [0, 1)");
  EXPECT_EQ(error_of([&] { model.scope().dropout(x, std::nan("")); }), "dropout: a rate of nan, must be in [0, 1)");
}

TEST(Model, DropoutIsTheSameOnAnyDevices) {
  const std::vector<Literal> whole = run_whole(dropping({}), ones_and_seed(3));
  for (const MeshLayout& layout : {MeshLayout::data(8), MeshLayout::tensor(4), MeshLayout::mixed(2, 2)}) {
    EXPECT_EQ(run_partitioned(dropping(layout), ones_and_seed(3)), whole);
  }
}

}  // namespace
}  // namespace gshard
