// When memory of one device is taken and given back, while the instructions of a computation run one after the other.
//
//   moment      1   2   3   4
//   %a  4 MiB   =========          made at 1, read last at 3
//   %b  4 MiB       =========      8 MiB at moments 2 and 3: the peak
//
// A computation that is called at some moment has its own timeline, which begins with the memory of its parameters.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shard/estimate.h"

namespace gshard {

class MemoryTimeline {
 public:
  // A piece of memory, by its number.
  using Block = uint32_t;

  void next_moment() { ++now_; }
  // Held from now on, up to its last use. Where one of `reusable` is used for the last time now and is large enough,
  // its memory serves.
  Block take(const LiveValue& value, std::span<const Block> reusable = {});
  // The same from the beginning on, as a parameter of the computation.
  Block take_parameter(const LiveValue& value);
  void use(Block block) { blocks_[block].last = now_; }
  // Held to the end, whatever comes.
  void keep(Block block) { blocks_[block].is_kept = true; }
  // Another computation, which has ended, runs now.
  void call(const MemoryTimeline& callee);

  // Nothing more comes; the rest asks about what was.
  void end();

  double peak() const { return peak_; }
  // What the computation takes beyond its parameters.
  double extra() const;
  // What lives at the peak, in called computations too.
  std::vector<LiveValue> at_peak() const;

  struct Call {
    uint32_t moment = 0;
    const MemoryTimeline* callee = nullptr;
  };
  const std::vector<Call>& calls() const { return calls_; }
  // What is held around a called computation: the memory of its parameters is its own.
  double held_around(const Call& call) const { return level_[call.moment] - call.callee->parameter_bytes_; }
  // The values that are held at moments at which more than `limit` bytes are, called computations included.
  std::vector<LiveValue> held_beyond(double limit) const;

 private:
  struct Held {
    LiveValue value;
    uint32_t first = 0;
    uint32_t last = 0;
    bool is_kept = false;
    bool is_parameter = false;
    bool is_reused = false;
    std::vector<Block> reusable = {};
  };
  void reuse(Held& held);

  uint32_t now_ = 0;
  std::vector<Held> blocks_;
  std::vector<Call> calls_;
  double parameter_bytes_ = 0;
  double peak_ = 0;
  std::vector<double> level_;   // by moment: held by this computation
  std::vector<double> called_;  // by moment: what called computations take beyond their parameters
};

}  // namespace gshard
