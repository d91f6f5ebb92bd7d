// A limit on the memory that values take while they live.
//
//   MemoryBudget::Scope scope(int64_t{1} << 30);
//   Literal x(shape);   // throws Error(memory) where x and what else lives would pass 1 GiB
//
// What a thread allocates inside of a scope is charged to it until it is freed, also beyond the end of the scope and
// by other threads. Scopes nest; the innermost counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace gshard {

class MemoryBudget {
 public:
  class Scope {
   public:
    explicit Scope(int64_t limit) : budget_(std::make_shared<MemoryBudget>(limit)), outer_(current_) {
      current_ = &budget_;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { current_ = outer_; }

   private:
    std::shared_ptr<MemoryBudget> budget_;
    const std::shared_ptr<MemoryBudget>* outer_;
  };

  explicit MemoryBudget(int64_t limit) : limit_(limit) {}

  // The budget of the innermost scope of this thread; null without one.
  static std::shared_ptr<MemoryBudget> current() { return current_ != nullptr ? *current_ : nullptr; }

  // Takes `bytes`, or returns false and takes nothing.
  bool charge(int64_t bytes) {
    if (bytes > limit_ - used_.fetch_add(bytes, std::memory_order_relaxed)) {
      release(bytes);
      return false;
    }
    return true;
  }
  void release(int64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  int64_t limit() const { return limit_; }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  inline static thread_local const std::shared_ptr<MemoryBudget>* current_ = nullptr;

  int64_t limit_;
  std::atomic<int64_t> used_ = 0;
};

}  // namespace gshard
