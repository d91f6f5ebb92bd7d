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

TEST(Transformer, RowsAreNoLongerThanPositionsThatAreLearned) {
  TransformerOptions options = small_model();
  options.positions = PositionEncoding::learned;
  options.longest = kLength;
  EXPECT_NO_THROW(translation(options, {}));
  options.longest = kLength - 1;
  try {
    translation(options, {});
    FAIL() << "rows longer than `longest` were taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("make `longest` larger"));
  }
}

TEST(Transformer, OptionsAreChecked) {
  const auto refused = [](const std::function<void(TransformerOptions&)>& change) {
    TransformerOptions options = small_model();
    change(options);
    return error_of([&] { translation(options, {}); });
  };
  EXPECT_EQ(refused([](auto& o) { o.decoder_layers = -1; }),
            "transformer: the number of layers is -1, must be at least 0");
  EXPECT_EQ(refused([](auto& o) { o.size = 0; }), "transformer: size is 0, must be at least 1");
  EXPECT_EQ(refused([](auto& o) { o.moe.hidden = 0; }), "transformer: moe.hidden is 0, must be at least 1");
  EXPECT_EQ(refused([](auto& o) { o.moe_every = -2; }), "transformer: moe_every is -2, must be at least 0");
  EXPECT_EQ(refused([](auto& o) { o.source_vocabulary = 0; }),
            "transformer: source_vocabulary is 0, must be at least 1");
  EXPECT_EQ(refused([](auto& o) { o.embeddings = Embeddings::shared; }),
            "transformer: shared embeddings for vocabularies of 11 and 13, must be one");
  Model model("empty");
  EXPECT_EQ(error_of([&] { language_model(model, {0, kLength}, small_model()); }),
            "transformer: a batch of 0 x 8 tokens");
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
  const Tensor rows = iota(one.computation(), Shape(DType::s32, {2, 1, kSteps}), 2);
  const auto [y, after] = attention_step(one.scope() / "a", now, before, {place, rows <= place}, options);
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

// Two texts are written for each source, and in step 2 both go on from the second: what they look at is told by `seen`.
TEST(Transformer, StepByStepIsTheSameAsAllAtOnce) {
  constexpr int64_t kSteps = 4, kTexts = 2, kRows = 3, kLength = 4;
  TransformerOptions options = small_model();
  options.moe.gating = options.moe.gating.without_drops();
  options.moe.group_size = kRows * kTexts;
  const ModelOptions how{.numerics = Numerics::doubled(), .mode = Mode::evaluate};
  const std::vector<int32_t> source = {1, 2, 3, 4, 5, 6, 7, 0, 8, 9, 0, 0};
  const std::vector<int32_t> is_source = {1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0};
  // By step, row and text. From step 2 on the first text's parents are the second's.
  const std::vector<std::vector<int32_t>> written = {
      {2, 2, 2, 2, 2, 2}, {3, 4, 5, 6, 7, 8}, {9, 10, 11, 12, 3, 4}, {5, 6, 7, 8, 9, 10}};
  const auto slot = [](int64_t step, int64_t text) { return step < 2 ? int64_t{1} : text; };

  Model at_once("at_once", how);
  const auto sequence = [](Model& model, const char* name, int64_t rows, int64_t length) {
    return model.input(name, Shape(DType::s32, {rows, length}));
  };
  options.moe.group_size = 4;
  const Tensor words = sequence(at_once, "source", kRows * kTexts, kLength);
  const Tensor is_word = sequence(at_once, "is_source", kRows * kTexts, kLength);
  const Tensor target = sequence(at_once, "target", kRows * kTexts, kSteps);
  const Places source_places{is_word, positions_along(words, 1, DType::s32)};
  const Places target_places{full_like(target, 1), positions_along(target, 1, DType::s32)};
  const Encoded encoded = encode(at_once.scope(), words, source_places, options);
  const Tensor logits = decode(at_once.scope(), target, target_places, encoded, options);
  const ModelProgram whole = std::move(at_once).finish({{"logits", logits}});
  std::vector<int32_t> sources, source_masks, targets;
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t text = 0; text < kTexts; ++text) {
      const auto first = static_cast<std::ptrdiff_t>(row * kLength);
      sources.insert(sources.end(), source.begin() + first, source.begin() + first + kLength);
      source_masks.insert(source_masks.end(), is_source.begin() + first, is_source.begin() + first + kLength);
      for (int64_t step = 0; step < kSteps; ++step) {
        targets.push_back(written[step][static_cast<size_t>(row * kTexts + (step < 2 ? 1 : text))]);
      }
    }
  }
  const std::vector<double> expected = elements_of(
      run_whole(whole, {integers({kRows * kTexts, kLength}, sources), integers({kRows * kTexts, kLength}, source_masks),
                        integers({kRows * kTexts, kSteps}, targets)})[0]);

  Model one("step", how);
  const Tensor step_source = sequence(one, "source", kRows, kLength);
  const Tensor step_is_word = sequence(one, "is_source", kRows, kLength);
  StepInput input{sequence(one, "tokens", kRows, kTexts), one.input("step", Shape(DType::s32)),
                  one.input("seen", Shape(DType::pred, {kRows, kTexts, kSteps * kTexts})), step_is_word > 0};
  const Encoded step_encoded =
      encode(one.scope(), step_source, {step_is_word, positions_along(step_source, 1, DType::s32)}, options);
  const Shape cache(DType::f64, {kRows, kSteps * kTexts, options.attention.heads, options.attention.key_size});
  DecoderCaches caches{{}, source_caches(one.scope(), step_encoded, options)};
  for (int64_t i = 0; i < options.decoder_layers; ++i) {
    const std::string layer = std::to_string(i);
    const Tensor keys = one.input("keys" + layer, cache);
    caches.written.push_back({keys, one.input("values" + layer, cache)});
  }
  options.moe.group_size = kRows * kTexts;
  const DecoderStep made = decode_step(one.scope(), input, caches, options);
  std::vector<NamedTensor> results = {{"logits", made.logits}};
  for (size_t i = 0; i < made.written.size(); ++i) {
    results.push_back({"keys" + std::to_string(i), made.written[i].keys});
    results.push_back({"values" + std::to_string(i), made.written[i].values});
  }
  const ModelProgram step_program = std::move(one).finish(results);

  std::vector<Literal> state(2 * static_cast<size_t>(options.decoder_layers), Literal(cache));
  for (int64_t step = 0; step < kSteps; ++step) {
    Literal seen(Shape(DType::pred, {kRows, kTexts, kSteps * kTexts}));
    const auto sees = seen.mutable_values<uint8_t>();
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t text = 0; text < kTexts; ++text) {
        for (int64_t t = 0; t <= step; ++t) {
          const int64_t of = t == step ? text : slot(t, text);
          sees[static_cast<size_t>(((row * kTexts + text) * kSteps + t) * kTexts + of)] = 1;
        }
      }
    }
    std::vector<Literal> inputs = {integers({kRows, kLength}, source), integers({kRows, kLength}, is_source),
                                   integers({kRows, kTexts}, written[step]),
                                   Literal::scalar(DType::s32, static_cast<int32_t>(step)), seen};
    inputs.insert(inputs.end(), state.begin(), state.end());
    const std::vector<Literal> after = run_whole(step_program, inputs);
    state.assign(after.begin() + 1, after.end());
    const std::vector<double> logits = elements_of(after[0]);
    for (int64_t text = 0; text < kRows * kTexts; ++text) {
      if (step < 2 && text % kTexts == 0) continue;  // it goes nowhere
      for (int64_t v = 0; v < 13; ++v) {
        EXPECT_NEAR(logits[static_cast<size_t>(text * 13 + v)],
                    expected[static_cast<size_t>((text * kSteps + step) * 13 + v)], 1e-9)
            << "step " << step << " text " << text;
      }
    }
  }
}

}  // namespace
}  // namespace gshard
