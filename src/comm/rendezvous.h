// Where the devices of one process meet.
//
// A meeting is one execution of one channel by one group. Each member brings something; the last to come does what is
// to be done with all of it, on its own thread, and the others are woken. Members of a group meet at equal counts, so
// what meets is keyed by the channel, the group and how often they have met.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "comm/comm.h"

namespace gshard {

class Rendezvous : public Event::Source {
 public:
  struct Channel {
    std::string name;                          // for messages
    std::vector<std::vector<int64_t>> groups;  // of devices, each in one group at most
    // What a group does with what its members brought, in their order. Groups may do it at the same time.
    std::function<void(std::span<const int64_t> members, std::span<void* const> brought)> meet;
  };
  Rendezvous(int64_t devices, std::vector<Channel> channels);

  // Whether a device is in some group of a channel.
  bool takes_part(size_t channel, int64_t device) const;

  // `device` comes with `brought`, which must last until the event is done. Throws PeerFailed.
  Event start(size_t channel, int64_t device, void* brought);
  void wait(const Event& event) override;

  // Runs `body` as the whole life of a device, on the calling thread. An error of it stops the other devices where they
  // wait, as does it when all that still run wait for each other.
  void attend(const std::function<void()>& body);
  // Throws the first error of any device; when all have ended.
  void rethrow() const;

  // For another run of the same program after one without errors.
  void begin() { running_ = devices_; }

 private:
  struct Group {
    size_t channel;
    std::vector<int64_t> members;
    std::vector<void*> brought = {};
    size_t arrived = 0;
    int64_t rounds = 0;       // meetings that are over
    bool is_meeting = false;  // the last one came and is at it
    std::condition_variable changed = {};
  };
  struct Place {
    int64_t group = -1;
    size_t member = 0;
  };

  const Place& place_of(size_t channel, int64_t device) const {
    return places_[channel * static_cast<size_t>(devices_) + static_cast<size_t>(device)];
  }
  void meet(Group& group, std::unique_lock<std::mutex>& lock);
  void wait(Group& group, int64_t device, int64_t round, std::unique_lock<std::mutex>& lock);
  void check_for_deadlock();
  void fail(std::exception_ptr error);

  const int64_t devices_;
  const std::vector<Channel> channels_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<Place> places_;  // by channel and device
  std::mutex mutex_;
  std::vector<const Group*> waiting_;  // by device
  int64_t running_;
  int64_t blocked_ = 0;
  std::exception_ptr error_;
};

}  // namespace gshard
