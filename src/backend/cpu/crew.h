// What the devices of a run need beside the memory that they are given: arenas, threads, a way to each other.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "backend/cpu/executable.h"
#include "backend/cpu/program.h"
#include "comm/device_threads.h"
#include "comm/thread_world.h"

namespace gshard::cpu {

// One run at a time; runs that follow each other touch the same pages and allocate nothing.
class Crew {
 public:
  // Throws Error(memory) where there is no room.
  Crew(const Program& program, Pool& pool);

  // Runs the program on all devices. `timelines` has one for each device, or is empty. After an error the crew is of no
  // use any more.
  void run(std::span<const DeviceMemory> memory, const EvaluateOptions& options, std::span<Timeline> timelines);

 private:
  struct FreeArena {
    void operator()(std::byte* at) const;
  };
  using Arena = std::unique_ptr<std::byte, FreeArena>;
  static Arena make_arena(int64_t bytes);
  Frame make_frame(int64_t device, Pool& pool, std::byte* arena);
  void run_device(int64_t device, const DeviceMemory& memory, const EvaluateOptions& options);

  const Program& program_;
  std::vector<Arena> arenas_;
  std::vector<Frame> frames_;
  ThreadWorld world_;
  DeviceThreads threads_;
};

// Crews that no run has.
class IdleCrews {
 public:
  std::unique_ptr<Crew> take();  // null where there is none
  void give_back(std::unique_ptr<Crew> crew);

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Crew>> idle_;
};

}  // namespace gshard::cpu
