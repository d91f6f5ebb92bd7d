// Propagating and partitioning: full-size train steps over more and more devices, and made modules of more and more
// instructions. Linear in instructions and flat in devices is the aim; reading and printing are not counted.
//
// partition/mixtral/8 ... /16384   one axis up to 512 devices, two axes beyond; the model's own annotations, and its
//                                  batch scaled with the devices
// partition/same_batch/...         the same, where the batch is what it was for 8 devices
// partition/made/1000 ... /100000  dots, pointwise ops and transposes over 8 devices
// propagate/made/1000 ... /100000  the same, without writing the program of a device
#include <benchmark/benchmark.h>

#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/prepare.h"
#include "shard/partition.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

std::unique_ptr<Module> prepared(const std::string& text, const std::string& name) {
  return prepare(*parse_module(text, name));
}

// The mesh of a model for so many devices: rows of 512 at most.
std::vector<MeshAxis> mesh_for(int64_t devices) {
  if (devices <= 512) return {{"fsdp", devices}};
  return {{"fsdp", 512}, {"tensor", devices / 512}};
}

// The text for a batch that is `factor` times as large. Both models have a batch of 96, which stands in the text as a
// size by itself, and in the number of experts chosen for all tokens.
std::string with_batch(const std::string& text, int64_t factor) {
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  std::string scaled;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && is_digit(text[end])) ++end;
    const std::string_view number(text.data() + at, end - at);
    const bool is_size =
        at > 0 && std::strchr("[,:{", text[at - 1]) != nullptr && std::strchr("],:}", text[end]) != nullptr;
    if (is_size && (number == "96" || number == "393216")) {
      scaled += std::to_string(std::stoll(std::string(number)) * factor);
    } else {
      scaled += number;
    }
    if (end < text.size()) scaled += text[end];
    at = end + 1;
  }
  return scaled;
}

void real_module(benchmark::State& state, const std::string& name, int64_t batch_factor) {
  const std::filesystem::path path = std::filesystem::path(GSHARD_HLO_DIR) / name;
  if (!std::filesystem::exists(path)) return state.SkipWithError("the module is absent");
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  const auto module = prepared(with_batch(text.str(), batch_factor), name);
  verify(*module);
  PartitionOptions options;
  options.mesh = mesh_for(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(partition(*module, options));
  state.counters["instructions"] = static_cast<double>(module->instruction_count());
}

void scaled_batch(benchmark::State& state, const std::string& name) { real_module(state, name, state.range(0) / 8); }
void same_batch(benchmark::State& state, const std::string& name) { real_module(state, name, 1); }

void with_meshes(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t devices : {8, 64, 512, 4096, 16384}) benchmark->Arg(devices);
  benchmark->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(scaled_batch, mixtral, "mixtral_8x7b_train.hlo")->Name("partition/mixtral")->Apply(with_meshes);
BENCHMARK_CAPTURE(scaled_batch, llama, "llama3_8b_train.hlo")->Name("partition/llama")->Apply(with_meshes);
BENCHMARK_CAPTURE(same_batch, mixtral, "mixtral_8x7b_train.hlo")
    ->Name("partition/same_batch/mixtral")
    ->Apply(with_meshes);
BENCHMARK_CAPTURE(same_batch, llama, "llama3_8b_train.hlo")->Name("partition/same_batch/llama")->Apply(with_meshes);

// Values are made of earlier ones that a linear congruence picks among the last few.
std::string made_module(int64_t instructions) {
  std::string text =
      "HloModule made, num_partitions=8\n\nENTRY e {\n"
      "  v0 = f32[256,256] parameter(0), sharding={devices=[8,1]<=[8]}\n  v1 = f32[256,256] parameter(1)\n";
  uint64_t state = 1;
  for (int64_t i = 2; i < instructions; ++i) {
    const auto earlier = [&] {
      state = state * 6364136223846793005U + 1442695040888963407U;
      const auto last = static_cast<uint64_t>(std::min<int64_t>(i, 20));
      return "v" + std::to_string(i - 1 - static_cast<int64_t>((state >> 33) % last));
    };
    constexpr const char* kOps[] = {"dot", "add", "tanh", "multiply", "transpose"};
    const auto op = static_cast<size_t>(i % 5);
    text += std::string(i + 1 == instructions ? "  ROOT v" : "  v") + std::to_string(i) + " = f32[256,256] " +
            kOps[op] + "(" + earlier() + (op == 2 || op == 4 ? "" : ", " + earlier()) + ")" +
            (op == 0 ? ", lhs_contracting_dims={1}, rhs_contracting_dims={0}" : "") +
            (op == 4 ? ", dimensions={1,0}" : "") + "\n";
  }
  return text + "}\n";
}

void made(benchmark::State& state) {
  const auto module = parse_module(made_module(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(partition(*module));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(made)->Name("partition/made")->Arg(1000)->Arg(10000)->Arg(100000)->Unit(benchmark::kMillisecond);

void made_propagated(benchmark::State& state) {
  const auto module = parse_module(made_module(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(propagate_shardings(*module));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(made_propagated)->Name("propagate/made")->Arg(1000)->Arg(10000)->Arg(100000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gshard
