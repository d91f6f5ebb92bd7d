// Threads that are the devices of one process, asleep between runs.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gshard {

class DeviceThreads {
 public:
  // Throws Error(memory) where the system has no more threads.
  explicit DeviceThreads(int64_t devices);
  ~DeviceThreads();

  // Runs body(device) for all devices at the same time, that of device 0 on the calling thread; returns when all have
  // ended. The body throws nothing. One caller at a time.
  void run(const std::function<void(int64_t)>& body);

 private:
  void work(int64_t device);
  void end();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable ended_;
  const std::function<void(int64_t)>* body_ = nullptr;
  int64_t round_ = 0;    // bodies that were given so far
  int64_t working_ = 0;  // threads that have not ended the last one
  bool stops_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gshard
