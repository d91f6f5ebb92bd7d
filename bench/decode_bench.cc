// Decoding with random weights: what a step of all texts of a batch takes, and what compiling its program does.
#include <benchmark/benchmark.h>

#include "decode/programs.h"
#include "ops/constants.h"
#include "runtime/compiled_model.h"

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
  model.moe = {.gating = {.experts = 8}, .hidden = 1024, .group_size = 256, .dispatch = Dispatch::scatter};
  model.moe.gating = model.moe.gating.without_drops();
  return model;
}

DecodingSize size_of(const benchmark::State& state) {
  return {state.range(0), state.range(1), state.range(2), state.range(3)};
}

void initialize(CompiledModel& model) { model.initialize(1); }

void encode(benchmark::State& state) {
  CompiledModel model(encode_program(size_of(state), d256(), {}));
  initialize(model);
  const Literal source = full(Shape(DType::s32, {state.range(0), state.range(1)}), 17);
  for (auto _ : state) model.run({{"source", source}});
}

void step(benchmark::State& state) {
  const DecodingSize size = size_of(state);
  CompiledModel model(step_program(size, d256(), {}));
  initialize(model);
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

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({32, 32, 1, 32})->Args({32, 32, 4, 32})->Args({8, 32, 4, 32})->Args({1, 32, 4, 32});
}

BENCHMARK(encode)->Args({32, 32, 1, 32})->Args({8, 32, 1, 32})->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(step)->Apply(sizes)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(compile_step)->Args({32, 32, 4, 32})->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(compile_encode)->Args({32, 32, 4, 32})->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace gshard
