#include "step/raw_dots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

#include "base/cores.h"
#include "ir/dims.h"
#include "ops/infer.h"
#include "raw_product.h"

namespace gshard::bench {
namespace {

constexpr int kRuns = 5;

// Processor time of this thread.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double fastest(const std::function<void()>& work) {
  double best = std::numeric_limits<double>::infinity();
  for (int run = 0; run < kRuns; ++run) {
    const double start = now();
    work();
    best = std::min(best, now() - start);
  }
  return best;
}

double seconds_alone(const Product& p) {
  using Type = dnnl::memory::data_type;
  RawProduct product(p.type == DType::bf16 ? Type::bf16 : Type::f32, {p.batch, p.rows, p.columns, p.sums});
  return fastest([&] { product.run(); });
}

}  // namespace

std::string describe(const Product& p) {
  return fmt::format("{} x [{},{}] [{},{}] {}", p.batch, p.rows, p.sums, p.sums, p.columns, name_of(p.type));
}

Product product_of(const Instruction& dot) {
  const auto& attrs = dot.attrs<DotAttrs>();
  const Shape& lhs = dot.operand(0)->shape();
  const Shape& rhs = dot.operand(1)->shape();
  Product product{lhs.type()};
  product.batch = product_of(sizes_of(lhs, attrs.lhs_batch_dims));
  product.sums = product_of(sizes_of(lhs, attrs.lhs_contracting_dims));
  product.rows = lhs.element_count() / (product.batch * product.sums);
  product.columns = rhs.element_count() / (product.batch * product.sums);
  return product;
}

namespace {

// The longest of the times that the same work takes on each core, over the number of cores.
double seconds_on_all_cores(const std::function<double()>& work) {
  const auto cores = static_cast<size_t>(usable_cores());
  std::vector<double> seconds(cores);
  std::vector<std::thread> threads;
  for (size_t core = 0; core < cores; ++core) {
    threads.emplace_back([&, core] { seconds[core] = work(); });
  }
  for (std::thread& thread : threads) thread.join();
  return *std::max_element(seconds.begin(), seconds.end()) / static_cast<double>(cores);
}

}  // namespace

double RawDots::seconds_of(const Product& product) {
  const auto [found, is_new] = seconds_.emplace(product.key(), 0);
  if (is_new) found->second = seconds_on_all_cores([&] { return seconds_alone(product); });
  return found->second;
}

double copied_bytes_per_second() {
  constexpr size_t kBytes = size_t{64} << 20;
  const double seconds = seconds_on_all_cores([] {
    const std::vector<char> from(kBytes, 1);
    std::vector<char> to(kBytes);
    return fastest([&] { std::memcpy(to.data(), from.data(), kBytes); });
  });
  return 2.0 * static_cast<double>(kBytes) / seconds;
}

}  // namespace gshard::bench
