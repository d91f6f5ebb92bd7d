// Devices of one process: each is a thread, and all memory can be reached from everywhere.
//
// The last of a group to come does the work of a collective, with the help of the loop that it was given; the others
// sleep. Nothing is allocated once the world is made.
#pragma once

#include <memory>
#include <vector>

#include "comm/comm.h"
#include "comm/exchange.h"
#include "comm/rendezvous.h"

namespace gshard {

class ThreadWorld {
 public:
  // `collectives` is not copied and must outlive the world.
  ThreadWorld(int64_t devices, std::span<const Collective> collectives, ParallelLoop loop);
  ThreadWorld(const ThreadWorld&) = delete;
  ThreadWorld& operator=(const ThreadWorld&) = delete;

  // For the thread of that device.
  Comm& comm(int64_t device) { return *comms_[static_cast<size_t>(device)]; }
  Rendezvous& rendezvous() { return rendezvous_; }

 private:
  class ThreadComm;
  std::vector<Rendezvous::Channel> channels();

  std::span<const Collective> collectives_;
  ParallelLoop loop_;
  std::vector<std::vector<Exchanged>> exchanged_;  // by collective and device
  Rendezvous rendezvous_;
  std::vector<std::unique_ptr<Comm>> comms_;
};

}  // namespace gshard
