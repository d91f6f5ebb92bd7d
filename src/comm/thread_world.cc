#include "comm/thread_world.h"

#include <algorithm>

namespace gshard {

class ThreadWorld::ThreadComm : public Comm {
 public:
  ThreadComm(ThreadWorld& world, int64_t device) : world_(world), device_(device) {}

  Event start(size_t number, std::span<const std::byte* const> send, std::span<std::byte* const> recv) override {
    if (!world_.rendezvous_.takes_part(number, device_)) {
      for (size_t n = 0; n < recv.size(); ++n) clear(world_.collectives_[number], n, recv[n]);
      return {};
    }
    Exchanged& mine = world_.exchanged_[number][static_cast<size_t>(device_)];
    std::copy(send.begin(), send.end(), mine.send.begin());
    std::copy(recv.begin(), recv.end(), mine.recv.begin());
    return world_.rendezvous_.start(number, device_, &mine);
  }

 private:
  ThreadWorld& world_;
  const int64_t device_;
};

ThreadWorld::ThreadWorld(int64_t devices, std::span<const Collective> collectives, ParallelLoop loop)
    : collectives_(collectives), loop_(std::move(loop)), rendezvous_(devices, channels()) {
  for (const Collective& collective : collectives) {
    const size_t count = collective.arrays.size();
    exchanged_.emplace_back(static_cast<size_t>(devices),
                            Exchanged{std::vector<const std::byte*>(count), std::vector<std::byte*>(count)});
  }
  for (int64_t d = 0; d < devices; ++d) comms_.push_back(std::make_unique<ThreadComm>(*this, d));
}

std::vector<Rendezvous::Channel> ThreadWorld::channels() {
  std::vector<Rendezvous::Channel> channels;
  for (size_t c = 0; c < collectives_.size(); ++c) {
    const auto meet = [this, c](std::span<const int64_t> members, std::span<void* const>) {
      exchange(collectives_[c], members, exchanged_[c], loop_);
    };
    channels.push_back({collectives_[c].name, collectives_[c].groups, meet});
  }
  return channels;
}

}  // namespace gshard
