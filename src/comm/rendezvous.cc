#include "comm/rendezvous.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"

namespace gshard {
namespace {

// "device 3", "devices 0-2, 5": of numbers in ascending order.
std::string listed(const std::vector<size_t>& devices) {
  std::string text = devices.size() == 1 ? "device " : "devices ";
  for (size_t first = 0; first < devices.size();) {
    size_t last = first;
    while (last + 1 < devices.size() && devices[last + 1] == devices[last] + 1) ++last;
    if (first > 0) text += ", ";
    text += std::to_string(devices[first]);
    if (last > first) text += "-" + std::to_string(devices[last]);
    first = last + 1;
  }
  return text;
}

}  // namespace

Rendezvous::Rendezvous(int64_t devices, std::vector<Channel> channels)
    : devices_(devices),
      channels_(std::move(channels)),
      places_(channels_.size() * static_cast<size_t>(devices)),
      waiting_(static_cast<size_t>(devices)),
      running_(devices) {
  for (size_t c = 0; c < channels_.size(); ++c) {
    for (const std::vector<int64_t>& members : channels_[c].groups) {
      for (size_t m = 0; m < members.size(); ++m) {
        places_[c * static_cast<size_t>(devices) + static_cast<size_t>(members[m])] = {
            static_cast<int64_t>(groups_.size()), m};
      }
      groups_.push_back(std::make_unique<Group>());
      groups_.back()->channel = c;
      groups_.back()->members = members;
      groups_.back()->brought.resize(members.size());
    }
  }
}

bool Rendezvous::takes_part(size_t channel, int64_t device) const { return place_of(channel, device).group >= 0; }

Event Rendezvous::start(size_t channel, int64_t device, void* brought) {
  const Place& place = place_of(channel, device);
  GSHARD_CHECK(place.group >= 0, channels_[channel].name);
  Group& group = *groups_[static_cast<size_t>(place.group)];
  std::unique_lock lock(mutex_);
  if (error_ != nullptr) throw PeerFailed{};
  GSHARD_CHECK(group.brought[place.member] == nullptr, channels_[channel].name);
  group.brought[place.member] = brought;
  const Event event(*this, static_cast<size_t>(place.group), device, group.rounds);
  if (++group.arrived < group.members.size()) return event;
  meet(group, lock);
  return {};
}

// Called and left with the lock held, which is free in between.
void Rendezvous::meet(Group& group, std::unique_lock<std::mutex>& lock) {
  group.is_meeting = true;
  lock.unlock();
  std::exception_ptr error;
  try {
    channels_[group.channel].meet(group.members, group.brought);
  } catch (...) {
    error = std::current_exception();
  }
  lock.lock();
  group.is_meeting = false;
  group.arrived = 0;
  std::fill(group.brought.begin(), group.brought.end(), nullptr);
  if (error != nullptr) {
    fail(std::move(error));
    throw PeerFailed{};
  }
  ++group.rounds;
  for (const int64_t member : group.members) {
    const Group*& waits = waiting_[static_cast<size_t>(member)];
    if (waits != &group) continue;
    waits = nullptr;
    --blocked_;
  }
  group.changed.notify_all();
}

void Rendezvous::wait(const Event& event) {
  std::unique_lock lock(mutex_);
  Group& group = *groups_[event.what()];
  // The memory of those who gave up must not be gone while it is written.
  const auto is_over = [&] { return group.rounds > event.round() || (error_ != nullptr && !group.is_meeting); };
  if (!is_over()) {
    waiting_[static_cast<size_t>(event.device())] = &group;
    ++blocked_;
    check_for_deadlock();
    group.changed.wait(lock, is_over);
  }
  if (group.rounds <= event.round()) throw PeerFailed{};
}

void Rendezvous::attend(const std::function<void()>& body) {
  std::exception_ptr error;
  try {
    body();
  } catch (const PeerFailed&) {
  } catch (...) {
    error = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  if (error != nullptr) fail(std::move(error));
  --running_;
  check_for_deadlock();
}

void Rendezvous::rethrow() const {
  if (error_ != nullptr) std::rethrow_exception(error_);
}

// Nobody runs, somebody waits: they wait for each other.
void Rendezvous::check_for_deadlock() {
  if (blocked_ == 0 || blocked_ < running_ || error_ != nullptr) return;
  std::vector<std::pair<size_t, std::vector<size_t>>> waiting;  // a channel and its devices
  for (size_t device = 0; device < waiting_.size(); ++device) {
    if (waiting_[device] == nullptr) continue;
    const size_t channel = waiting_[device]->channel;
    auto entry = std::find_if(waiting.begin(), waiting.end(), [&](const auto& w) { return w.first == channel; });
    if (entry == waiting.end()) entry = waiting.insert(entry, {channel, {}});
    entry->second.push_back(device);
  }
  std::string text;
  for (const auto& [channel, devices] : waiting) {
    text += text.empty() ? "the devices wait at different collectives: " : ", ";
    text += listed(devices) + " at %" + channels_[channel].name;
  }
  if (running_ < devices_) text += "; the other devices have ended";
  fail(std::make_exception_ptr(Error::program(text)));
}

void Rendezvous::fail(std::exception_ptr error) {
  if (error_ == nullptr) error_ = std::move(error);
  for (const auto& group : groups_) group->changed.notify_all();
}

}  // namespace gshard
