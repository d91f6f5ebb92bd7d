// Reading and printing HLO text, in bytes of text per second, beside one plain pass over the same bytes.
//
// The texts are the modules in ../shared/hlo where they are present, and a module made here of as many instructions
// as the largest of them.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

constexpr int kMadeInstructions = 4000;

std::string made_module() {
  std::string text =
      "HloModule made\n\nENTRY %main (p.0: f32[128,256]) -> f32[128,256] {\n"
      "  %v.0 = f32[128,256]{1,0} parameter(0)\n";
  for (int i = 1; i <= kMadeInstructions; ++i) {
    const std::string before = "%v." + std::to_string(i - 1);
    text += std::string(i == kMadeInstructions ? "  ROOT" : " ") + " %v." + std::to_string(i) +
            " = f32[128,256]{1,0} add(" + before + ", " + before +
            "), metadata={op_name=\"jit(train_step)/jvp(Model)/layer/add\" stack_frame_id=12}\n";
  }
  return text + "}\n";
}

std::string text_of(const std::string& name) {
  const std::filesystem::path path = std::filesystem::path(GSHARD_HLO_DIR) / name;
  if (!std::filesystem::exists(path)) return made_module();
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void pass_over_bytes(benchmark::State& state, const std::string& name) {
  const std::string text = text_of(name);
  for (auto _ : state) {
    uint64_t sum = 0;
    for (const char c : text) sum = sum * 31 + static_cast<unsigned char>(c);
    benchmark::DoNotOptimize(sum);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

void parse(benchmark::State& state, const std::string& name) {
  const std::string text = text_of(name);
  for (auto _ : state) benchmark::DoNotOptimize(parse_module(text, name));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

void print(benchmark::State& state, const std::string& name) {
  const std::unique_ptr<Module> module = parse_module(text_of(name), name);
  size_t bytes = 0;
  for (auto _ : state) {
    const std::string text = gshard::print(*module);
    bytes += text.size();
    benchmark::DoNotOptimize(text.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}

#define TEXT_BENCHMARKS(label, file)               \
  BENCHMARK_CAPTURE(pass_over_bytes, label, file); \
  BENCHMARK_CAPTURE(parse, label, file);           \
  BENCHMARK_CAPTURE(print, label, file)

TEXT_BENCHMARKS(mixtral_train, "mixtral_8x7b_train.hlo");
TEXT_BENCHMARKS(imagenette_train, "imagenette_train.hlo");
TEXT_BENCHMARKS(vit_predict, "vit_predict.hlo");

}  // namespace
}  // namespace gshard
