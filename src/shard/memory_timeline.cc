#include "shard/memory_timeline.h"

#include <algorithm>

namespace gshard {

MemoryTimeline::Block MemoryTimeline::take(const LiveValue& value, std::span<const Block> reusable) {
  blocks_.push_back({value, now_, now_, false, false, false, {reusable.begin(), reusable.end()}});
  return static_cast<Block>(blocks_.size() - 1);
}

MemoryTimeline::Block MemoryTimeline::take_parameter(const LiveValue& value) {
  blocks_.push_back({value, 0, 0, false, true, false, {}});
  parameter_bytes_ += value.bytes;
  return static_cast<Block>(blocks_.size() - 1);
}

void MemoryTimeline::call(const MemoryTimeline& callee) { calls_.push_back({now_, &callee}); }

// The new value begins where the old one has ended.
void MemoryTimeline::reuse(Held& held) {
  for (const Block block : held.reusable) {
    Held& old = blocks_[block];
    if (old.is_reused || old.is_kept || old.last != held.first || old.value.bytes < held.value.bytes) continue;
    old.is_reused = true;
    ++held.first;
    return;
  }
}

void MemoryTimeline::end() {
  std::vector<double> change(now_ + 2);
  for (Held& held : blocks_) {
    if (held.is_kept) held.last = now_;
    reuse(held);
    if (held.first > held.last) continue;
    change[held.first] += held.value.bytes;
    change[held.last + 1] -= held.value.bytes;
  }
  called_.assign(now_ + 1, 0);
  for (const Call& call : calls_) called_[call.moment] = std::max(called_[call.moment], call.callee->extra());
  double level = 0;
  for (uint32_t moment = 0; moment <= now_; ++moment) {
    level_.push_back(level += change[moment]);
    peak_ = std::max(peak_, level + called_[moment]);
  }
}

double MemoryTimeline::extra() const { return std::max(0.0, peak_ - parameter_bytes_); }

std::vector<LiveValue> MemoryTimeline::at_peak() const {
  uint32_t moment = 0;
  while (moment < now_ && level_[moment] + called_[moment] < peak_) ++moment;
  std::vector<LiveValue> all;
  for (const Held& held : blocks_) {
    if (held.first <= moment && moment <= held.last) all.push_back(held.value);
  }
  for (const Call& call : calls_) {
    if (call.moment != moment || call.callee->extra() == 0 || call.callee->extra() < called_[moment]) continue;
    for (const LiveValue& value : call.callee->at_peak()) {
      if (value.maker != nullptr) all.push_back(value);
    }
    break;
  }
  return all;
}

std::vector<LiveValue> MemoryTimeline::held_beyond(double limit) const {
  std::vector<uint32_t> beyond_until = {0};  // how many moments before each are beyond the limit
  for (uint32_t moment = 0; moment <= now_; ++moment) {
    beyond_until.push_back(beyond_until.back() + (level_[moment] + called_[moment] > limit ? 1 : 0));
  }
  std::vector<LiveValue> all;
  for (const Held& held : blocks_) {
    if (held.first > held.last) continue;
    if (beyond_until[held.last + 1] > beyond_until[held.first]) all.push_back(held.value);
  }
  return all;
}

}  // namespace gshard
