#include "model/transformer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "run.h"
#include "small_model.h"

namespace gshard {
namespace {

ModelProgram translation(const TransformerOptions& options, ModelOptions how) {
  Model model("translation", std::move(how));
  std::vector<NamedTensor> results = {{"loss", translation_model(model, {kBatch, kLength}, options)}};
  for (const NamedTensor& metric : model.metrics()) results.push_back(metric);
  return std::move(model).finish(results);
}

TEST(Transformer, TranslationIsEqualOnAnyDevices) {
  TransformerOptions shared = small_model();
  shared.source_vocabulary = shared.target_vocabulary;
  shared.embeddings = Embeddings::shared;
  shared.positions = PositionEncoding::learned;
  for (const TransformerOptions& options : {small_model(), shared}) {
    const auto whole = run_whole(translation(options, {.numerics = Numerics::doubled()}), translation_inputs());
    for (const MeshLayout& layout : {MeshLayout::experts(4), MeshLayout::data(2), MeshLayout::tensor(4),
                                     MeshLayout::mixed(2, 2), MeshLayout::mixed(4, 2)}) {
      const ModelProgram program = translation(options, {.layout = layout, .numerics = Numerics::doubled()});
      const std::vector<Literal> parts = run_partitioned(program, translation_inputs());
      for (size_t i = 0; i < whole.size(); ++i) {
        EXPECT_THAT(elements_of(parts[i]), testing::Pointwise(testing::DoubleNear(1e-9), elements_of(whole[i])))
            << program.results[i];
      }
    }
  }
}

TEST(Transformer, LossOfAnUntrainedModelIsThatOfGuessing) {
  TransformerOptions options = small_model();
  options.loss = {};
  const std::vector<Literal> results = run_whole(translation(options, {.mode = Mode::evaluate}), translation_inputs());
  EXPECT_NEAR(elements_of(results[0])[0], std::log(13), 1.0);
}

// The logits of a decoder alone, [B,L,13].
ModelProgram decoder() {
  Model model("decoder", {.numerics = Numerics::doubled(), .mode = Mode::evaluate});
  const auto input = [&](const char* name) { return model.input(name, Shape(DType::s32, {kBatch, kLength})); };
  const Tensor words = input("tokens");
  const Tensor segment = input("segments");
  TransformerOptions options = small_model();
  options.moe.gating = options.moe.gating.without_drops();  // else tokens compete for places
  const Tensor logits = decode(model.scope(), words, {segment, input("positions")}, {}, options);
  return std::move(model).finish({{"logits", logits}});
}

TEST(Transformer, NobodySeesTheFutureOrAnotherSequence) {
  const ModelProgram program = decoder();
  const std::vector<double> before = elements_of(run_whole(program, {tokens(13, 1), segments(), positions()})[0]);
  Literal changed = tokens(13, 1);
  int32_t& token = changed.mutable_values<int32_t>()[3];  // of the first row's first sequence
  token = (token + 1) % 13;
  const std::vector<double> after = elements_of(run_whole(program, {changed, segments(), positions()})[0]);
  for (size_t i = 0; i < before.size(); ++i) {
    const size_t place = i / 13;
    if (place == 3 || place == 4) {
      EXPECT_NE(before[i], after[i]);
    } else {
      EXPECT_NEAR(before[i], after[i], 1e-12) << place;
    }
  }
}

TEST(Attention, StepByStepIsTheSameAsAllAtOnce) {
  constexpr int64_t kSteps = 4, kSize = 6;
  const AttentionOptions options{.heads = 2, .key_size = 3, .sight = Sight::past};
  Model model("attention", {.numerics = Numerics::doubled()});
  const Tensor x = model.input("x", Shape(DType::f64, {2, kSteps, kSize}));
  const Tensor ones = full(model.computation(), Shape(DType::s32, {2, kSteps}), 1);
  const Places places{ones, positions_along(ones, 1, DType::s32)};
  const ModelProgram at_once =
      std::move(model).finish({{"y", attention(model.scope() / "a", x, places, x, places, options)}});

  Model one("step", {.numerics = Numerics::doubled()});
  const Shape cache(DType::f64, {2, kSteps, 2, 3});
  const Tensor now = one.input("x", Shape(DType::f64, {2, 1, kSize}));
  const Tensor place = one.input("step", Shape(DType::s32));
  const AttentionCache before{one.input("keys", cache), one.input("values", cache)};
  const auto [y, after] = attention_step(one.scope() / "a", now, place, before, options);
  const ModelProgram step = std::move(one).finish({{"y", y}, {"keys", after.keys}, {"values", after.values}});

  std::vector<double> numbers(2 * kSteps * kSize);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = std::sin(static_cast<double>(i));
  const std::vector<double> expected = elements_of(run_whole(at_once, {doubles({2, kSteps, kSize}, numbers)})[0]);
  std::vector<Literal> state = {Literal(cache), Literal(cache)};
  for (size_t s = 0; s < kSteps; ++s) {
    std::vector<double> current;
    for (size_t b = 0; b < 2; ++b) {
      const auto first = numbers.begin() + static_cast<std::ptrdiff_t>((b * kSteps + s) * kSize);
      current.insert(current.end(), first, first + kSize);
    }
    const std::vector<Literal> results = run_whole(
        step,
        {doubles({2, 1, kSize}, current), Literal::scalar(DType::s32, static_cast<int32_t>(s)), state[0], state[1]});
    state = {results[1], results[2]};
    for (size_t b = 0; b < 2; ++b) {
      for (size_t m = 0; m < kSize; ++m) {
        EXPECT_NEAR(elements_of(results[0])[b * kSize + m], expected[(b * kSteps + s) * kSize + m], 1e-12);
      }
    }
  }
}

}  // namespace
}  // namespace gshard
