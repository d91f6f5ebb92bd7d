// Sums over devices on one thread, as an all-reduce makes them: bytes that are read per second, beside a copy of as
// many.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "eval/reduce.h"

namespace gshard {
namespace {

constexpr int64_t kElements = 1 << 20;

void count(benchmark::State& state, int64_t bytes) {
  state.counters["bytes"] = benchmark::Counter(
      static_cast<double>(bytes), benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

void sum(benchmark::State& state, DType type, int64_t devices) {
  std::vector<Literal> arrays;
  std::vector<const std::byte*> inputs;
  for (int64_t d = 0; d < devices; ++d) arrays.emplace_back(Shape(type, {kElements}));
  for (Literal& array : arrays) inputs.push_back(array.mutable_bytes());
  Literal result(Shape(type, {kElements}));
  for (auto _ : state) {
    combine_block(Reducer::add, type, inputs, kElements, result.mutable_bytes());
    benchmark::ClobberMemory();
  }
  count(state, devices * arrays[0].byte_size());
}

void copy(benchmark::State& state, DType type, int64_t devices) {
  const Literal from(Shape(type, {devices, kElements}));
  Literal to(from.shape());
  std::byte* bytes = to.mutable_bytes();
  for (auto _ : state) {
    std::memcpy(bytes, from.bytes(), static_cast<size_t>(from.byte_size()));
    benchmark::ClobberMemory();
  }
  count(state, from.byte_size());
}

const bool registered = [] {
  for (const DType type : {DType::f32, DType::bf16, DType::f16}) {
    for (const int64_t devices : {2, 8}) {
      const std::string name = fmt::format("collectives/{}/{}_devices/", name_of(type), devices);
      benchmark::RegisterBenchmark((name + "sum").c_str(), sum, type, devices);
      benchmark::RegisterBenchmark((name + "copy").c_str(), copy, type, devices);
    }
  }
  return true;
}();

}  // namespace
}  // namespace gshard
