#include "runtime/devices.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>

#include "backend/cpu/pool.h"
#include "base/cores.h"
#include "base/error.h"
#include "eval/simulate.h"

namespace gshard {
namespace {

// Blocks of memory by size, those that nobody uses kept for the next who asks.
class Blocks {
 public:
  Blocks() = default;
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;
  ~Blocks() {
    for (auto& [size, block] : idle_) std::free(block);
  }

  // Null where the system has no more.
  std::byte* take(size_t size) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = idle_.find(size); found != idle_.end()) return idle_.extract(found).mapped();
    }
    return static_cast<std::byte*>(std::aligned_alloc(kAlignment, size));
  }
  void give_back(size_t size, std::byte* block) {
    const std::lock_guard lock(mutex_);
    idle_.emplace(size, block);
  }

  static size_t rounded(int64_t bytes) { return (static_cast<size_t>(bytes) + kAlignment) / kAlignment * kAlignment; }

 private:
  static constexpr size_t kAlignment = 64;
  std::mutex mutex_;
  std::multimap<size_t, std::byte*> idle_;
};

}  // namespace

struct Devices::State {
  int64_t count;
  Backend backend;
  cpu::MatmulPrecision precision;
  bool check_nans;
  std::shared_ptr<cpu::Pool> pool;
  std::shared_ptr<Blocks> blocks = std::make_shared<Blocks>();
};

Devices::Devices(int64_t count, const DeviceOptions& options) {
  check_virtual_devices(1, count);
  const bool is_cpu = options.backend == Backend::cpu;
  state_ =
      std::make_shared<State>(State{count, options.backend, options.precision, options.check_nans,
                                    is_cpu ? std::make_shared<cpu::Pool>(thread_count(options.threads)) : nullptr});
}

int64_t Devices::count() const { return state_->count; }
Backend Devices::backend() const { return state_->backend; }
cpu::MatmulPrecision Devices::precision() const { return state_->precision; }
bool Devices::checks_nans() const { return state_->check_nans; }
const std::shared_ptr<cpu::Pool>& Devices::pool() const { return state_->pool; }

Buffer Devices::allocate(const Shape& shape) const {
  if (!shape.is_array()) return {};
  const size_t size = Blocks::rounded(shape.byte_size());
  std::byte* block = state_->blocks->take(size);
  if (block == nullptr) {
    throw Error::memory("no room for " + shape.to_string() + " (" + std::to_string(shape.byte_size()) + " bytes)");
  }
  // The blocks outlive the devices for as long as one of them is used.
  return {shape, std::shared_ptr<std::byte>(
                     block, [blocks = state_->blocks, size](std::byte* at) { blocks->give_back(size, at); })};
}

}  // namespace gshard
