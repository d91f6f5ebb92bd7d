// A record of what runs when.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace gshard::cpu {

class Step;

// The times of one device's run. Only the thread that runs the steps adds to it.
class Timeline {
 public:
  struct Entry {
    const Step* step;
    int thread;     // of the pool
    int64_t begin;  // nanoseconds since the timeline was made
    int64_t end;
  };

  int64_t now() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start_).count();
  }
  void add(const Entry& entry) { entries_.push_back(entry); }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::vector<Entry> entries_;
};

}  // namespace gshard::cpu
