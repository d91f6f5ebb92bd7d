// What a collective does with the memory of its members, when all of it can be reached from here.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "comm/comm.h"

namespace gshard {

// Calls body(part) for all parts in [0, parts), in any order and on any threads; returns when all are done.
using ParallelLoop = std::function<void(int64_t parts, const std::function<void(int64_t)>& body)>;

// A member's operands and where its results go.
struct Exchanged {
  std::vector<const std::byte*> send;
  std::vector<std::byte*> recv;
};

// Reads the operands of all members and writes their results; `of_device` holds what each device of the world brought.
// The work is cut where sizes say, so that the results are the same bits however the loop runs.
void exchange(const Collective& collective, std::span<const int64_t> members, std::span<const Exchanged> of_device,
              const ParallelLoop& loop);

// The zeros that a device without a group gets as result n.
void clear(const Collective& collective, size_t n, std::byte* result);

}  // namespace gshard
