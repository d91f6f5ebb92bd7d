// Routines of the CPU backend on one thread, each beside a limit: sorts beside std::sort, first elements of rows,
// running sums and windows beside a copy of the array.
//
// Names are rows/what/type/sizes/who; the counter is bytes of the operand per second. `std_sort` sorts the numbers
// alone, `backend` sorts pairs of them and their places by a stable order. `copy` reads and writes as many bytes.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "backend/cpu/executable.h"
#include "eval/arguments.h"
#include "text/parse.h"

namespace gshard {
namespace {

void count(benchmark::State& state, int64_t bytes) {
  state.counters["bytes"] = benchmark::Counter(
      static_cast<double>(bytes), benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

// A program of one op on one array.
struct Program {
  const char* name;
  const char* sizes;  // of the operand
  const char* computations;
  const char* body;
};

constexpr const char* kSum = "sum {\n a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT r = f32[] add(a, b)\n}\n";
constexpr const char* kLargest =
    "largest {\n a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT r = f32[] maximum(a, b)\n}\n";
constexpr const char* kChosen =
    "at_least {\n a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT r = pred[] compare(a, b), direction=GE\n}\n"
    "sum {\n a = f32[] parameter(0)\n b = f32[] parameter(1)\n ROOT r = f32[] add(a, b)\n}\n";
constexpr const char* kLess =
    "less {\n a = f32[] parameter(0)\n b = f32[] parameter(1)\n i = s32[] parameter(2)\n j = s32[] parameter(3)\n"
    " ROOT r = pred[] compare(a, b), direction=LT, type=TOTALORDER\n}\n";

const Program kPrograms[] = {
    {"sort", "[4096,256]", kLess,
     "i = s32[4096,256] iota(), iota_dimension=1\n ROOT r = (f32[4096,256], s32[4096,256]) sort(x, i), dimensions={1}, "
     "to_apply=less, is_stable=true"},
    {"sort", "[1,1048576]", kLess,
     "i = s32[1,1048576] iota(), iota_dimension=1\n ROOT r = (f32[1,1048576], s32[1,1048576]) sort(x, i), "
     "dimensions={1}, to_apply=less, is_stable=true"},
    {"topk", "[65536,16]", "", "ROOT r = (f32[65536,2], s32[65536,2]) topk(x), k=2, largest=true"},
    {"topk", "[64,32000]", "", "ROOT r = (f32[64,40], s32[64,40]) topk(x), k=40, largest=true"},
    {"first_of_sort", "[64,32000]", kLess,
     "i = s32[64,32000] iota(), iota_dimension=1\n s = (f32[64,32000], s32[64,32000]) sort(x, i), dimensions={1}, "
     "to_apply=less, is_stable=true\n v = f32[64,32000] get-tuple-element(s), index=0\n"
     " ROOT r = f32[64,40] slice(v), slice={[0:64], [0:40]}"},
    {"argmax", "[64,32000]",
     "larger {\n a = f32[] parameter(0)\n i = s32[] parameter(1)\n b = f32[] parameter(2)\n j = s32[] parameter(3)\n"
     " above = pred[] compare(a, b), direction=GT\n nan = pred[] compare(a, a), direction=NE\n"
     " keeps = pred[] or(above, nan)\n same = pred[] compare(a, b), direction=EQ\n"
     " lower = pred[] compare(i, j), direction=LT\n tie = pred[] and(same, lower)\n first = pred[] or(keeps, tie)\n"
     " v = f32[] select(keeps, a, b)\n p = s32[] select(first, i, j)\n ROOT r = (f32[], s32[]) tuple(v, p)\n}\n",
     "i = s32[64,32000] iota(), iota_dimension=1\n least = f32[] constant(-inf)\n zero = s32[] constant(0)\n"
     " ROOT r = (f32[64], s32[64]) reduce(x, i, least, zero), dimensions={1}, to_apply=larger"},
    {"cumsum", "[4,4096,64]", kSum,
     "z = f32[] constant(0)\n ROOT r = f32[4,4096,64] reduce-window(x, z), window={size=1x4096x1 pad=0_0x4095_0x0_0}, "
     "to_apply=sum"},
    {"cumsum", "[16,65536]", kSum,
     "z = f32[] constant(0)\n ROOT r = f32[16,65536] reduce-window(x, z), window={size=1x65536 pad=0_0x65535_0}, "
     "to_apply=sum"},
    {"window_of_256", "[1024,1024]", kLargest,
     "z = f32[] constant(-inf)\n ROOT r = f32[1024,769] reduce-window(x, z), window={size=1x256}, to_apply=largest"},
    {"pool", "[16,56,56,64]", kLargest,
     "z = f32[] constant(-inf)\n ROOT r = f32[16,28,28,64] reduce-window(x, z), window={size=1x3x3x1 stride=1x2x2x1 "
     "pad=0_0x0_1x0_1x0_0}, to_apply=largest"},
    {"pool_gradient", "[16,56,56,64]", kChosen,
     "z = f32[] constant(0)\n y = f32[16,27,27,64] parameter(1)\n ROOT r = f32[16,56,56,64] select-and-scatter(x, y, "
     "z), window={size=1x3x3x1 stride=1x2x2x1}, select=at_least, scatter=sum"},
};

void backend(benchmark::State& state, const Program& p, int threads) {
  const auto module = parse_module(
      fmt::format("HloModule m\n{}ENTRY e {{\n x = f32{} parameter(0)\n {}\n}}\n", p.computations, p.sizes, p.body));
  const auto program = cpu::Executable::compile(*module, {.threads = threads});
  std::vector<Literal> arguments = random_arguments(*module, 1, {Signs::both});
  std::vector<Literal> results;
  std::vector<cpu::DeviceMemory> memory(1);
  for (Literal& argument : arguments) memory[0].arguments.push_back(argument.mutable_bytes());
  const Shape& shape = module->entry()->root()->shape();
  for (size_t part = 0; part < (shape.is_tuple() ? shape.tuple_size() : 1); ++part) {
    results.emplace_back(shape.is_tuple() ? shape.element(part) : shape);
  }
  for (Literal& result : results) memory[0].results.push_back(result.mutable_bytes());
  for (auto _ : state) program->run_in(memory, EvaluateOptions());
  count(state, arguments[0].byte_size());
}

// The operand of a program.
Literal operand_of(const Program& p) {
  const auto module = parse_module(fmt::format("HloModule m\nENTRY e {{\n ROOT x = f32{} parameter(0)\n}}\n", p.sizes));
  return std::move(random_arguments(*module, 1, {Signs::both})[0]);
}

void std_sort(benchmark::State& state, const Program& p) {
  const Literal x = operand_of(p);
  const int64_t n = x.shape().dims().back();
  std::vector<float> rows(x.values<float>().size());
  for (auto _ : state) {
    std::copy(x.values<float>().begin(), x.values<float>().end(), rows.begin());
    for (auto row = rows.begin(); row != rows.end(); row += n) std::sort(row, row + n);
    benchmark::DoNotOptimize(rows.data());
  }
  count(state, x.byte_size());
}

void copy(benchmark::State& state, const Program& p) {
  const Literal x = operand_of(p);
  std::vector<std::byte> to(static_cast<size_t>(x.byte_size()));
  for (auto _ : state) {
    std::memcpy(to.data(), x.bytes(), to.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count(state, x.byte_size());
}

const bool registered = [] {
  for (const Program& p : kPrograms) {
    const std::string name = fmt::format("rows/{}/f32{}/", p.name, p.sizes);
    benchmark::RegisterBenchmark((name + "backend").c_str(), backend, p, 1);
    const bool is_sort = std::string(p.name).find("sort") != std::string::npos;
    if (is_sort) benchmark::RegisterBenchmark((name + "std_sort").c_str(), std_sort, p);
    benchmark::RegisterBenchmark((name + "copy").c_str(), copy, p);
  }
  return true;
}();

}  // namespace
}  // namespace gshard
