// Moving intervals of a cut dimension between devices: halo exchange and everything like it.
//
//   f32[12] in 3 parts, each of which wants its own elements and one more on either side:
//
//     part 0 holds 0..4, wants -1..5       send the last element to the right: one collective-permute
//     part 1 holds 4..8, wants  3..9       send the first element to the left: one collective-permute
//     part 2 holds 8..12, wants 7..13      join the three, fill what lies beyond 0..12
//
// What each part wants may be any interval: shifted, of another scale, mirrored. The parts that it lies in are brought
// by one collective-permute each, or, where that would be more, all of them by an all-gather.
#pragma once

#include <vector>

#include "shard/emitter.h"

namespace gshard {

// Elements [start, start + size) of the whole dimension; may reach beyond its ends.
struct Interval {
  int64_t start = 0;
  int64_t size = 0;
};

struct Remap {
  size_t dim = 0;
  Digits digits;       // along which the dimension is cut
  int64_t size = 0;    // of the whole dimension
  int64_t shard = 0;   // elements that each device holds; part i begins at i * shard
  int64_t length = 0;  // elements that each device gets, from the start of its interval on
  // By the index along the digits: where the part begins, and how many elements must be right. Those beyond them, up to
  // `length`, are left as they come.
  std::vector<Interval> wanted;
  // Digits along which every part has copies, whose wishes may differ: `wanted` then goes by the index along the first
  // digits and these. Their number of devices.
  Digits copies = {};
  int64_t copy_count = 1;
};

// What a device sends for each element of the other dimensions, and in how many messages one after the other.
struct RemapTraffic {
  double elements = 0;
  double messages = 0;
};
RemapTraffic traffic_of(const Remap& remap);

// The dimension with `length` elements. Wanted elements before the beginning or beyond the end of the whole dimension
// become `fill`, a scalar; null where none of them are read.
Instruction* emit(const Remap& remap, Instruction* value, Instruction* fill, Emitter& emitter);

}  // namespace gshard
