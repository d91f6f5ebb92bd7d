#include "runtime/relay.h"

namespace gshard {

void Relay::give(size_t device, const Occurrence& occurrence, Given given) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return bytes_ < kMostKept || waiting_ || closed_; });
  if (closed_) return;
  Kept& kept = kept_[occurrence];
  kept.values.resize(devices_);
  bytes_ += given.value.byte_size();
  kept.values[device] = std::move(given);
  if (++kept.given == devices_) changed_.notify_all();
}

std::vector<Given> Relay::take(const Occurrence& occurrence) {
  std::unique_lock lock(mutex_);
  const auto is_here = [&] {
    const auto found = kept_.find(occurrence);
    return found != kept_.end() && found->second.given == devices_;
  };
  if (!is_here()) {
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return is_here() || ended_; });
    waiting_ = false;
  }
  if (!is_here()) return {};
  std::vector<Given> values = std::move(kept_.extract(occurrence).mapped().values);
  for (const Given& given : values) bytes_ -= given.value.byte_size();
  changed_.notify_all();
  return values;
}

void Relay::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void Relay::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  kept_.clear();
  changed_.notify_all();
}

}  // namespace gshard
