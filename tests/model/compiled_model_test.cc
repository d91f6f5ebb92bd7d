#include "runtime/compiled_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "model/train_step.h"
#include "run.h"
#include "runtime/prepare.h"
#include "scratch_folder.h"
#include "small_model.h"

namespace gshard {
namespace {

constexpr const char* kInputs[] = {
    "source", "source_segments", "source_positions", "target", "target_segments", "target_positions", "labels"};

NamedArrays batch() {
  NamedArrays arrays;
  const std::vector<Literal> inputs = translation_inputs();
  for (size_t i = 0; i < inputs.size(); ++i) arrays.emplace(kInputs[i], inputs[i]);
  return arrays;
}

ModelProgram step_on(const MeshLayout& layout, const Numerics& numerics = Numerics::doubled()) {
  const auto loss = [](Model& model) { return translation_model(model, {kBatch, kLength}, small_model()); };
  const OptimizerOptions adam{.rule = Adam{}, .schedule = Schedule::constant(0.01)};
  return train_step("step", {.layout = layout, .numerics = numerics}, loss, adam);
}

TEST(CompiledModel, TrainsAsTheEvaluatorDoes) {
  const ModelProgram plain = step_on({});
  std::vector<Literal> arguments = arguments_of(plain, translation_inputs());
  CompiledModel one(step_on({}));
  CompiledModel four(step_on(MeshLayout::mixed(2, 2)));
  for (CompiledModel* model : {&one, &four}) model->initialize(1);
  for (int step = 0; step < 3; ++step) {
    const std::vector<Literal> expected = results_of(plain, arguments);
    carry_over(plain, expected, arguments);
    for (CompiledModel* model : {&one, &four}) {
      const NamedArrays results = model->run(batch());
      EXPECT_NEAR(elements_of(results.at("loss"))[0], named(plain, expected, "loss")[0], 1e-9);
      const char* weight = "decoder/layer_1/moe/wi";
      EXPECT_THAT(elements_of(model->value(weight)),
                  testing::Pointwise(testing::DoubleNear(1e-8), named(plain, expected, weight)));
    }
  }
}

class CompiledModelFile : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Formats, CompiledModelFile, testing::Values("model.npz", "model.safetensors"),
                         [](const auto& info) { return std::string(info.param).substr(6); });

TEST_P(CompiledModelFile, GoesOnFromAFileOnOtherDevices) {
  const ScratchFolder folder;
  const std::string path = folder.path(GetParam());
  CompiledModel before(step_on(MeshLayout::data(2)));
  before.initialize(1);
  before.run(batch());
  before.save(path);
  CompiledModel after(step_on(MeshLayout::tensor(2)));
  after.load(path);
  EXPECT_NEAR(elements_of(after.run(batch()).at("loss"))[0], elements_of(before.run(batch()).at("loss"))[0], 1e-9);
}

TEST_P(CompiledModelFile, AFileOfAnotherModelIsRefused) {
  const ScratchFolder folder;
  const std::string path = folder.path(GetParam());
  const Literal scale(Shape(DType::f64, {3}));
  ArrayWriter(path).write({{"step", scale.shape()}}, [&](size_t) { return scale; });
  CompiledModel model(step_on({}));
  EXPECT_EQ(error_of([&] { model.load(path); }), path + ": no array 'encoder/embedding' of shape f64[11,8]");
}

TEST_P(CompiledModelFile, InputsComeFromAFile) {
  const ScratchFolder folder;
  const std::string path = folder.path(GetParam());
  const NamedArrays inputs = batch();
  std::vector<ArrayEntry> entries;
  for (const auto& [name, value] : inputs) entries.push_back({name, value.shape()});
  ArrayWriter(path).write(entries, [&](size_t i) { return inputs.at(entries[i].name); });
  const CompiledModel model(step_on({}));
  EXPECT_EQ(model.read_inputs(path), inputs);
}

TEST(CompiledModel, IsMadeOfAFunction) {
  CompiledModel model = compile("twice", {.layout = MeshLayout::data(2)}, [](Model& m) {
    const Tensor x = m.input("x", Shape(DType::f32, {4}), {"batch"});
    return std::vector<NamedTensor>{{"y", x * m.scope().parameter("w", {}, Initializer::constant(2))}};
  });
  model.initialize(1);
  Literal x(Shape(DType::f32, {4}));
  const auto numbers = x.mutable_values<float>();
  std::iota(numbers.begin(), numbers.end(), 1.0F);
  EXPECT_THAT(elements_of(model.run({{"x", x}}).at("y")), testing::ElementsAre(2, 4, 6, 8));
}

// Each weight and state has the memory of the one before.
TEST(CompiledModel, WhatAStepUpdatesItUpdatesInPlace) {
  const ModelProgram program = step_on(MeshLayout::mixed(2, 2));
  const Partitioned parts = partition(*prepare(*program.module));
  const Executable executable(Devices(4), parts);
  int64_t updated = 0;
  for (size_t r = 0; r < program.results.size(); ++r) {
    const auto found = std::ranges::find(program.parameters, program.results[r], &Parameter::name);
    if (found == program.parameters.end()) continue;
    EXPECT_EQ(executable.donor_of(r), found - program.parameters.begin()) << program.results[r];
    ++updated;
  }
  EXPECT_GT(updated, 3 * std::ranges::count(program.parameters, Role::weight, &Parameter::role));
}

TEST(CompiledModel, MixedPrecisionLearns) {
  CompiledModel model(step_on(MeshLayout::experts(2), Numerics::mixed()));
  model.initialize(1);
  const double first = elements_of(model.run(batch()).at("loss"))[0];
  double last = first;
  for (int step = 0; step < 20; ++step) last = elements_of(model.run(batch()).at("loss"))[0];
  EXPECT_LT(last, first - 0.2);
}

TEST(CompiledModel, ErrorsNameWhatIsMissing) {
  CompiledModel model(step_on({}));
  EXPECT_EQ(error_of([&] { model.run({}); }), "model step: 'step' has no value");
  model.initialize(1);
  EXPECT_EQ(error_of([&] { model.run({}); }), "model step: 'source' has no value");
  EXPECT_EQ(error_of([&] { model.run({{"x", Literal(Shape(DType::f32))}}); }), "model step: it has no 'x'");
  EXPECT_EQ(error_of([&] { model.set_value("step", Literal(Shape(DType::f32))); }),
            "model step: 'step' is s32[], given f32[]");
  EXPECT_EQ(error_of([&] { model.value("labels"); }), "model step: it has no 'labels'");
  NamedArrays inputs = batch();
  inputs["labels"] = Literal(Shape(DType::s32, {kBatch}));
  EXPECT_EQ(error_of([&] { model.run(inputs); }), "model step: 'labels' is s32[4,8], given s32[4]");
  EXPECT_TRUE(model.has_value("encoder/embedding")) << "nothing was taken";
}

}  // namespace
}  // namespace gshard
