#include "comm/device_threads.h"

#include <string>
#include <system_error>

#include "base/error.h"

namespace gshard {

DeviceThreads::DeviceThreads(int64_t devices) {
  try {
    for (int64_t device = 1; device < devices; ++device) threads_.emplace_back([this, device] { work(device); });
  } catch (const std::system_error&) {
    end();
    throw Error::memory("the system gives no threads for " + std::to_string(devices) + " devices");
  }
}

DeviceThreads::~DeviceThreads() { end(); }

void DeviceThreads::end() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void DeviceThreads::run(const std::function<void(int64_t)>& body) {
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    ++round_;
    working_ = static_cast<int64_t>(threads_.size());
  }
  changed_.notify_all();
  body(0);
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return working_ == 0; });
}

void DeviceThreads::work(int64_t device) {
  std::unique_lock lock(mutex_);
  for (int64_t seen = 0;;) {
    changed_.wait(lock, [&] { return stops_ || round_ > seen; });
    if (stops_) return;
    seen = round_;
    const auto* body = body_;
    lock.unlock();
    (*body)(device);
    lock.lock();
    if (--working_ == 0) ended_.notify_one();
  }
}

}  // namespace gshard
