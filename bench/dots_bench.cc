// Dots on the CPU backend beside the raw call of oneDNN on the same sizes, with one thread and with two.
//
// Names are what/type/batch/rows/columns/sums/threads; the counter is floating-point operations, per second of the core
// for one thread and of the clock for two. `backend` is a whole run of a program of one dot; for `moved` its arrays
// stand in memory as [rows, batch, ...], and for `bias` it adds a bias and multiplies by a constant. `post_ops` are raw
// calls that do something to the product beside, and a copy of the product.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstring>
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

void onednn(benchmark::State& state, const std::string& type, const Product& p, bench::After after) {
  using Type = dnnl::memory::data_type;
  bench::RawProduct product(type == "f32" ? Type::f32 : Type::bf16, {p.batch, p.rows, p.columns, p.sums}, after);
  for (auto _ : state) product.run();
  count(state, p);
}

// What surrounds the product of a program.
struct Form {
  bool is_moved = false;   // operands and result stand in memory as [rows, batch, ...], as heads of attention do
  bool has_bias = false;   // of each column
  bool has_scale = false;  // a constant
};

std::string text_of(const std::string& type, const Product& p, const Form& form) {
  const auto shape = [&](int64_t m, int64_t n) {
    return form.is_moved ? fmt::format("{}[{},{},{}]", type, m, p.batch, n)
                         : fmt::format("{}[{},{},{}]", type, p.batch, m, n);
  };
  const std::string product = fmt::format("{}[{},{},{}]", type, p.batch, p.rows, p.columns);
  std::string text = fmt::format("HloModule m\nENTRY e {{\n  a = {} parameter(0)\n  b = {} parameter(1)\n",
                                 shape(p.rows, p.sums), shape(p.sums, p.columns));
  text += fmt::format(
      "  d = {} dot(a, b), {}\n", product,
      form.is_moved ? "lhs_batch_dims={1}, lhs_contracting_dims={2}, rhs_batch_dims={1}, rhs_contracting_dims={0}"
                    : "lhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_batch_dims={0}, rhs_contracting_dims={1}");
  std::string last = "d";
  if (form.has_bias) {
    text += fmt::format("  c = {}[{}] parameter(2)\n  w = {} broadcast(c), dimensions={{2}}\n  s = {} add(d, w)\n",
                        type, p.columns, product, product);
    last = "s";
  }
  if (form.has_scale) {
    text +=
        fmt::format("  e = {}[] constant(0.125)\n  f = {} broadcast(e), dimensions={{}}\n  m = {} multiply({}, f)\n",
                    type, product, product, last);
    last = "m";
  }
  if (form.is_moved)
    text += fmt::format("  t = {} transpose({}), dimensions={{1,0,2}}\n", shape(p.rows, p.columns), last);
  return text + fmt::format("  ROOT r = ({}) tuple({})\n}}\n", form.is_moved ? shape(p.rows, p.columns) : product,
                            form.is_moved ? "t" : last);
}

void backend(benchmark::State& state, const std::string& type, const Product& p, const Form& form, int threads) {
  const auto module = parse_module(text_of(type, p, form));
  const auto program = cpu::Executable::compile(*module, {.threads = threads});
  std::vector<Literal> arguments = random_arguments(*module, 1);
  Literal result(module->entry()->root()->shape().element(0));
  std::vector<cpu::DeviceMemory> memory(1);
  for (Literal& argument : arguments) memory[0].arguments.push_back(argument.mutable_bytes());
  memory[0].results.push_back(result.mutable_bytes());
  program->run_in(memory, EvaluateOptions());  // the first run makes the arena
  for (auto _ : state) program->run_in(memory, EvaluateOptions());
  count(state, p);
}

// What a pass over the product takes that a post-op saves, and what the post-ops of oneDNN take.
void copy(benchmark::State& state, const std::string& type, const Product& p) {
  const auto bytes = static_cast<size_t>(p.batch * p.rows * p.columns * (type == "f32" ? 4 : 2));
  const std::vector<char> from(bytes, 1);
  std::vector<char> to(bytes);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), bytes);
    benchmark::ClobberMemory();
  }
}

void add_post_ops(const std::string& type, const Product& p) {
  using bench::After;
  const std::string sizes = fmt::format("{}/{}/{}/{}/{}/1", type, p.batch, p.rows, p.columns, p.sums);
  const std::pair<const char*, After> all[] = {
      {"nothing", After::nothing}, {"bias", After::bias}, {"bias_scale", After::bias_and_scale},
      {"row", After::added_row},   {"sum", After::sum},   {"residual", After::residual},
      {"relu", After::relu},       {"gelu", After::gelu}};
  for (const auto& [name, after] : all) {
    benchmark::RegisterBenchmark(fmt::format("post_ops/{}/{}", name, sizes).c_str(), onednn, type, p, after);
  }
  benchmark::RegisterBenchmark(("post_ops/copy/" + sizes).c_str(), copy, type, p);
}

void add_products(const std::string& type, const std::vector<Product>& products) {
  const bool has_raw = type == "f32" || type == "bf16";
  for (const Product& p : products) {
    const std::string sizes = fmt::format("{}/{}/{}/{}/{}", type, p.batch, p.rows, p.columns, p.sums);
    const auto add = [&](const std::string& what, const Form& form, int threads) {
      return benchmark::RegisterBenchmark(fmt::format("dots/{}/{}/{}", what, sizes, threads).c_str(), backend, type, p,
                                          form, threads);
    };
    if (has_raw)
      benchmark::RegisterBenchmark(("dots/onednn/" + sizes + "/1").c_str(), onednn, type, p, bench::After::nothing);
    add("backend", {}, 1);
    add("backend", {}, 2)->UseRealTime();
    add("moved", {.is_moved = true}, 1);
    if (has_raw) add("bias", {.has_bias = true, .has_scale = true}, 1);
  }
}

const bool registered = [] {
  // Feed-forward layers, attention (scores and values; long and short), the head, experts, a decoding step, and what a
  // call costs.
  for (const char* type : {"f32", "bf16"}) {
    add_products(type, {{1, 4096, 1024, 256},
                        {1, 4096, 256, 1024},
                        {32, 256, 256, 64},
                        {32, 256, 64, 256},
                        {256, 96, 96, 32},
                        {256, 96, 32, 96},
                        {1, 1024, 8192, 256},
                        {8, 512, 1024, 256},
                        {1, 2048, 2048, 512},
                        {1, 8, 1024, 1024},
                        {1, 32, 32, 32}});
  }
  for (const char* type : {"f64", "s32"})
    add_products(type, {{1, 256, 256, 256}, {8, 512, 256, 512}, {64, 32, 32, 32}});
  for (const char* type : {"f32", "bf16"}) {
    for (const Product& p : {Product{1, 4096, 1024, 256}, {256, 96, 96, 32}}) add_post_ops(type, p);
  }
  return true;
}();

}  // namespace
}  // namespace gshard
