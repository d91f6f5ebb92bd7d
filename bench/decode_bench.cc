// Decoding with random weights: what a step of all texts of a batch takes, and what compiling its program does.
#include <benchmark/benchmark.h>

#include "corpus/vocabulary.h"
#include "decode/translator.h"
#include "ops/constants.h"

namespace gshard {
namespace {

TransformerOptions d256() {
  TransformerOptions model;
  model.source_vocabulary = 8000;
  model.target_vocabulary = 8000;
  model.encoder_layers = 4;
  model.decoder_layers = 4;
  model.size = 256;
  model.hidden = 1024;
  model.attention = {.heads = 8, .key_size = 32};
  model.moe = {.gating = {.experts = 8}, .hidden = 1024, .group_size = 256};
  model.moe = model.moe.without_drops();
  return model;
}

DecodingSize size_of(const benchmark::State& state) {
  return {state.range(0), state.range(1), state.range(2), state.range(3)};
}

void encode(benchmark::State& state) {
  CompiledModel model(encode_program(size_of(state), d256(), {}));
  model.initialize(1);
  const Literal source = full(Shape(DType::s32, {state.range(0), state.range(1)}), 17);
  for (auto _ : state) model.run({{"source", source}});
}

void step(benchmark::State& state) {
  const DecodingSize size = size_of(state);
  CompiledModel model(step_program(size, d256(), {}));
  model.initialize(1);
  const Literal tokens = full(Shape(DType::s32, {size.rows, size.texts}), 17);
  const Literal seen(Shape(DType::pred, {size.rows, size.texts, size.texts * size.target_length}));
  for (auto _ : state) {
    model.run({{"tokens", tokens}, {"step", Literal::scalar(DType::s32, 3)}, {"seen", seen}});
  }
}

void compile_step(benchmark::State& state) {
  for (auto _ : state) CompiledModel model(step_program(size_of(state), d256(), {}));
}
void compile_encode(benchmark::State& state) {
  for (auto _ : state) CompiledModel model(encode_program(size_of(state), d256(), {}));
}

// Sentences of 23 tokens become texts of 31: random weights do not end them before.
void translate(benchmark::State& state) {
  const int64_t rows = state.range(0);
  TranslatorOptions options;
  options.decoder.model = d256();
  options.search = {.beam = state.range(1), .length_factor = 0, .length_extra = 31};
  options.rows = rows;
  Translator translator(options);
  NamedArrays weights;
  for (const auto& [name, shape] : translator.decoder().weights()) {
    const Initializer initializer = name.ends_with("/scale") ? Initializer::constant(1) : Initializer::normal(0.05);
    weights.emplace(name, initial_value({.name = name, .shape = shape, .initializer = initializer}, 1));
  }
  translator.decoder().set_weights(std::move(weights));
  std::vector<Tokens> sources(static_cast<size_t>(rows), Tokens(24, 17));
  for (size_t i = 0; i < sources.size(); ++i) sources[i][i % 23] = 20 + static_cast<int32_t>(i);
  for (Tokens& source : sources) source.back() = kEnd;
  translator.translate(sources);
  int64_t tokens = 0;
  for (auto _ : state) {
    for (const auto& found : translator.translate(sources)) tokens += static_cast<int64_t>(found[0].tokens.size());
  }
  state.SetItemsProcessed(rows * state.iterations());
  state.counters["tokens"] = static_cast<double>(tokens) / static_cast<double>(rows * state.iterations());
}

using Bench = benchmark::internal::Benchmark;

void in_milliseconds(Bench* bench) { bench->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime(); }

void step_sizes(Bench* bench) {
  for (const int64_t rows : {32, 4}) {
    for (const int64_t texts : {1, 4}) bench->Args({rows, 32, texts, 32});
  }
  in_milliseconds(bench);
}

void encode_sizes(Bench* bench) {
  for (const int64_t rows : {32, 4}) bench->Args({rows, 32, 1, 32});
  in_milliseconds(bench);
}

void beams(Bench* bench) {
  for (const int64_t beam : {1, 4}) bench->Args({32, beam});
  in_milliseconds(bench);
}

BENCHMARK(encode)->Apply(encode_sizes);
BENCHMARK(step)->Apply(step_sizes);
BENCHMARK(compile_encode)->Apply(encode_sizes);
BENCHMARK(compile_step)->Apply(step_sizes);
BENCHMARK(translate)->Apply(beams);

}  // namespace
}  // namespace gshard
