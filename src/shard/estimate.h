// What a program takes on each device: time, bytes sent, and the most memory that is held at once.
//
//   const Estimate result = estimate(module, options);      // of shard/partition.h
//   result.peak_bytes;             // of the shards that live at the same time, in program order
//   result.at_peak[0].value;       // the largest of them
#pragma once

#include <vector>

#include "ir/instruction.h"

namespace gshard {

// What one run takes on each device.
struct EstimatedTime {
  double operations_seconds = 0;  // of computing alone
  double traffic_seconds = 0;     // of reading and writing memory alone
  double local_seconds = 0;       // of each op the longer of the two; in a ring with what is sent meanwhile
  double sending_seconds = 0;     // of all other exchanges between devices, one after the other
  double bytes_sent = 0;

  double seconds() const { return local_seconds + sending_seconds; }
  void add(const EstimatedTime& other, double times);
};

// A piece of memory that holds a value of the program, in some form.
struct LiveValue {
  const Instruction* value = nullptr;
  size_t leaf = 0;
  // The op that made it so: the value itself, or a reader that wants it otherwise; null for parameters.
  const Instruction* maker = nullptr;
  double bytes = 0;  // on each device
};

struct Estimate {
  EstimatedTime time;
  double peak_bytes = 0;
  std::vector<LiveValue> at_peak = {};  // what is held then, largest first
};

}  // namespace gshard
