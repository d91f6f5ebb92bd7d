#include "backend/cpu/pool.h"

#include <algorithm>
#include <exception>

namespace gshard::cpu {
namespace {

thread_local int current = 0;

}  // namespace

struct Pool::Loop {
  int64_t parts;
  const std::function<void(int64_t)>* body;
  int64_t next = 0;  // the first part that nobody took yet
  int64_t left;      // parts that are not done
  std::exception_ptr error = nullptr;
  std::condition_variable done = {};
};

Pool::Pool(int threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

Pool::~Pool() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

// Does parts of a loop until none is left to take. Called and left with the lock held.
void Pool::help(Loop& loop, std::unique_lock<std::mutex>& lock) {
  while (loop.next < loop.parts) {
    const int64_t part = loop.next++;
    lock.unlock();
    std::exception_ptr error;
    try {
      (*loop.body)(part);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && !loop.error) loop.error = error;
    if (--loop.left == 0) loop.done.notify_all();
  }
}

int Pool::current_thread() { return current; }

void Pool::work(int number) {
  current = number;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stops_ || !loops_.empty(); });
    if (stops_) return;
    Loop& loop = *loops_.front();
    if (loop.next >= loop.parts) {
      loops_.erase(loops_.begin());
      continue;
    }
    help(loop, lock);
  }
}

void Pool::run(int64_t parts, const std::function<void(int64_t)>& body) {
  if (parts <= 1 || workers_.empty()) {
    for (int64_t part = 0; part < parts; ++part) body(part);
    return;
  }
  Loop loop{parts, &body, 0, parts};
  std::unique_lock lock(mutex_);
  loops_.push_back(&loop);
  wake_.notify_all();
  help(loop, lock);
  // A worker may have the loop in its hands, but only until it has seen that no part is left, with the lock held.
  std::erase(loops_, &loop);
  loop.done.wait(lock, [&] { return loop.left == 0; });
  if (loop.error) std::rethrow_exception(loop.error);
}

}  // namespace gshard::cpu
