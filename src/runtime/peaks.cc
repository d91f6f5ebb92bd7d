#include "runtime/peaks.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "backend/cpu/executable.h"
#include "base/cores.h"
#include "ops/build.h"
#include "ops/einsum.h"

namespace gshard {
namespace {

constexpr int64_t kSize = 1536;  // of the matrices

double measured_operations(DType type) {
  Module module("dot");
  const Shape square(type, {kSize, kSize});
  define_entry(module, "main", {square, square},
               [](Computation&, Values p) { return einsum("ij,jk->ik", p[0], p[1]); });
  const auto program = cpu::Executable::compile(module);
  const std::vector<Literal> arguments = {made_up_value(square, 1), made_up_value(square, 2)};
  return 2.0 * kSize * kSize * kSize / fastest_seconds([&] { program->run(arguments); });
}

double measured_bytes() {
  constexpr size_t kBytes = size_t{64} << 20;
  std::vector<char> from(kBytes, 1);
  std::vector<char> to(kBytes);
  const auto cores = static_cast<size_t>(usable_cores());
  const double seconds = fastest_seconds([&] {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < cores; ++i) {
      const size_t first = kBytes * i / cores;
      const size_t last = kBytes * (i + 1) / cores;
      threads.emplace_back([&, first, last] { std::memcpy(&to[first], &from[first], last - first); });
    }
    for (std::thread& thread : threads) thread.join();
  });
  return 2.0 * static_cast<double>(kBytes) / seconds;
}

}  // namespace

double fastest_seconds(const std::function<void()>& work) {
  double best = std::numeric_limits<double>::infinity();
  for (int run = 0; run < 5; ++run) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

Peaks measure_peaks() { return {measured_operations(DType::f32), measured_operations(DType::bf16), measured_bytes()}; }

}  // namespace gshard
