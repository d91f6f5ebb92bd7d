// The reference evaluator: elements and floating-point operations per second on one core, beside a compiled loop over
// the same data.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "eval/evaluate.h"
#include "text/parse.h"

namespace gshard {
namespace {

Literal ramp(const Shape& shape) {
  Literal literal{shape};
  float value = 0.5f;
  for (float& element : literal.mutable_values<float>()) {
    element = value;
    value = value < 1.5f ? value + 0.0009f : 0.5f;
  }
  return literal;
}

constexpr int64_t kElements = int64_t{1} << 20;

// `op` names a unary op over f32[2^20].
void unary(benchmark::State& state, const std::string& op) {
  const auto module = parse_module("HloModule m\nENTRY e {\n  x = f32[1048576] parameter(0)\n  ROOT y = f32[1048576] " +
                                   op + "(x)\n}\n");
  const std::vector<Literal> arguments = {ramp(Shape(DType::f32, {kElements}))};
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(*module, arguments));
  state.SetItemsProcessed(state.iterations() * kElements);
}

void binary(benchmark::State& state, const std::string& type) {
  const std::string shape = type + "[1048576]";
  const auto module = parse_module("HloModule m\nENTRY e {\n  x = f32[1048576] parameter(0)\n  c = " + shape +
                                   " convert(x)\n  ROOT y = " + shape + " add(c, c)\n}\n");
  const std::vector<Literal> arguments = {ramp(Shape(DType::f32, {kElements}))};
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(*module, arguments));
  state.SetItemsProcessed(state.iterations() * kElements * 2);  // a convert and an add
}

void compiled_add(benchmark::State& state) {
  const Literal x = ramp(Shape(DType::f32, {kElements}));
  for (auto _ : state) {
    Literal y{x.shape()};
    const auto in = x.values<float>();
    const auto out = y.mutable_values<float>();
    for (size_t i = 0; i < in.size(); ++i) out[i] = in[i] + in[i];
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * kElements);
}

// reduce over `dimension` of f32[1024,1024].
void reduce(benchmark::State& state, const std::string& dimension) {
  const auto module = parse_module(
      "HloModule m\nsum {\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  ROOT s = f32[] add(a, b)\n}\n"
      "ENTRY e {\n  x = f32[1024,1024] parameter(0)\n  z = f32[] constant(0)\n"
      "  ROOT y = f32[1024] reduce(x, z), dimensions={" +
      dimension + "}, to_apply=sum\n}\n");
  const std::vector<Literal> arguments = {ramp(Shape(DType::f32, {1024, 1024}))};
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(*module, arguments));
  state.SetItemsProcessed(state.iterations() * kElements);
}

// [n,n] x [n,n] in `type`; the counter is floating-point operations.
void dot(benchmark::State& state, const std::string& type) {
  const int64_t n = 256;
  const std::string shape = type + "[256,256]";
  const auto module = parse_module("HloModule m\nENTRY e {\n  x = f32[256,256] parameter(0)\n  c = " + shape +
                                   " convert(x)\n  ROOT y = " + shape +
                                   " dot(c, c), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n}\n");
  const std::vector<Literal> arguments = {ramp(Shape(DType::f32, {n, n}))};
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(*module, arguments));
  state.counters["FLOP"] = benchmark::Counter(static_cast<double>(2 * n * n * n * state.iterations()),
                                              benchmark::Counter::kIsRate, benchmark::Counter::kIs1000);
}

void convolution(benchmark::State& state) {
  const auto module = parse_module(
      "HloModule m\nENTRY e {\n  x = f32[8,28,28,32] parameter(0)\n  k = f32[3,3,32,32] parameter(1)\n"
      "  ROOT y = f32[8,28,28,32] convolution(x, k), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f\n}\n");
  const std::vector<Literal> arguments = {ramp(Shape(DType::f32, {8, 28, 28, 32})),
                                          ramp(Shape(DType::f32, {3, 3, 32, 32}))};
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(*module, arguments));
  const double flops = 2.0 * 8 * 28 * 28 * 32 * 3 * 3 * 32;
  state.counters["FLOP"] = benchmark::Counter(flops * static_cast<double>(state.iterations()),
                                              benchmark::Counter::kIsRate, benchmark::Counter::kIs1000);
}

BENCHMARK(compiled_add);
BENCHMARK_CAPTURE(unary, negate, "negate");
BENCHMARK_CAPTURE(unary, exponential, "exponential");
BENCHMARK_CAPTURE(unary, tanh, "tanh");
BENCHMARK_CAPTURE(binary, f32, "f32");
BENCHMARK_CAPTURE(binary, bf16, "bf16");
BENCHMARK_CAPTURE(binary, s32, "s32");
BENCHMARK_CAPTURE(reduce, rows, "1");
BENCHMARK_CAPTURE(reduce, columns, "0");
BENCHMARK_CAPTURE(dot, f32, "f32");
BENCHMARK_CAPTURE(dot, bf16, "bf16");
BENCHMARK_CAPTURE(dot, f64, "f64");
BENCHMARK(convolution);

}  // namespace
}  // namespace gshard
