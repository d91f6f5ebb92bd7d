// Dots on the CPU backend beside the raw call of oneDNN on the same sizes, with one thread and with two.
//
// Names are what/type/batch/rows/columns/sums/threads; the counter is floating-point operations, per second of the core
// for one thread and of the clock for two. `backend` is a whole run of a program of one dot; for `moved` its arrays
// stand in memory as [rows, batch, ...].
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "backend/cpu/executable.h"
#include "eval/arguments.h"
#include "raw_product.h"
#include "text/parse.h"

namespace gshard {
namespace {

struct Product {
  int64_t batch;
  int64_t rows;
  int64_t columns;
  int64_t sums;
  double flops() const { return 2.0 * static_cast<double>(batch * rows * columns * sums); }
};

void count(benchmark::State& state, const Product& p) {
  state.counters["FLOP"] =
      benchmark::Counter(p.flops(), benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

void onednn(benchmark::State& state, const std::string& type, const Product& p) {
  using Type = dnnl::memory::data_type;
  bench::RawProduct product(type == "f32" ? Type::f32 : Type::bf16, {p.batch, p.rows, p.columns, p.sums});
  for (auto _ : state) product.run();
  count(state, p);
}

// `is_moved`: operands and result stand in memory as [rows, batch, ...], as heads of attention do.
void backend(benchmark::State& state, const std::string& type, const Product& p, bool is_moved, int threads) {
  const auto shape = [&](int64_t m, int64_t n) {
    return is_moved ? fmt::format("{}[{},{},{}]", type, m, p.batch, n)
                    : fmt::format("{}[{},{},{}]", type, p.batch, m, n);
  };
  const std::string product = fmt::format("{}[{},{},{}]", type, p.batch, p.rows, p.columns);
  const std::string dims =
      is_moved ? "lhs_batch_dims={1}, lhs_contracting_dims={2}, rhs_batch_dims={1}, rhs_contracting_dims={0}"
               : "lhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_batch_dims={0}, rhs_contracting_dims={1}";
  const std::string move =
      is_moved ? fmt::format("  ROOT t = {} transpose(d), dimensions={{1,0,2}}\n", shape(p.rows, p.columns)) : "";
  const auto module = parse_module(fmt::format(
      "HloModule m\nENTRY e {{\n  a = {} parameter(0)\n  b = {} parameter(1)\n  {}d = {} dot(a, b), {}\n{}}}\n",
      shape(p.rows, p.sums), shape(p.sums, p.columns), is_moved ? "" : "ROOT ", product, dims, move));
  const auto program = cpu::Executable::compile(*module, {.threads = threads});
  std::vector<Literal> arguments = random_arguments(*module, 1);
  Literal result(module->entry()->root()->shape());
  std::vector<cpu::DeviceMemory> memory(1);
  for (Literal& argument : arguments) memory[0].arguments.push_back(argument.mutable_bytes());
  memory[0].results.push_back(result.mutable_bytes());
  for (auto _ : state) program->run_in(memory, EvaluateOptions());
  count(state, p);
}

const bool registered = [] {
  // Feed-forward layers, attention (scores and values), the head, experts, and a decoding step.
  const std::vector<Product> products = {{1, 4096, 1024, 256}, {1, 4096, 256, 1024}, {32, 256, 256, 64},
                                         {32, 256, 64, 256},   {1, 1024, 8192, 256}, {8, 512, 1024, 256},
                                         {1, 2048, 2048, 512}, {1, 8, 1024, 1024}};
  for (const std::string type : {"f32", "bf16"}) {
    for (const Product& p : products) {
      const std::string sizes = fmt::format("{}/{}/{}/{}/{}", type, p.batch, p.rows, p.columns, p.sums);
      benchmark::RegisterBenchmark(("dots/onednn/" + sizes + "/1").c_str(), onednn, type, p);
      const std::string backend_name = "dots/backend/" + sizes;
      benchmark::RegisterBenchmark((backend_name + "/1").c_str(), backend, type, p, false, 1);
      benchmark::RegisterBenchmark((backend_name + "/2").c_str(), backend, type, p, false, 2)->UseRealTime();
      benchmark::RegisterBenchmark(("dots/moved/" + sizes + "/1").c_str(), backend, type, p, true, 1);
    }
  }
  return true;
}();

}  // namespace
}  // namespace gshard
