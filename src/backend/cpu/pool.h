// Threads that sleep until there is work.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gshard::cpu {

// Runs loops on `threads` threads, the caller among them. Loops of several callers (devices) share the threads. What
// runs where never changes a result: parts are cut by those who call.
class Pool {
 public:
  explicit Pool(int threads);
  ~Pool();

  // The number of the calling thread among those of its pool; 0 for one that calls run().
  static int current_thread();

  int threads() const { return static_cast<int>(workers_.size()) + 1; }
  // body(part) for all parts in [0, parts), in any order; returns when all are done. The first exception that a part
  // throws is thrown here.
  void run(int64_t parts, const std::function<void(int64_t)>& body);

 private:
  struct Loop;
  void work(int number);
  static void help(Loop& loop, std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Loop*> loops_;  // with parts that nobody took yet
  bool stops_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace gshard::cpu
