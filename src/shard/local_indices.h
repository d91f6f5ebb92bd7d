// Indices into a whole tensor as indices into one device's part of it.
//
//   table f32[13,6], rows cut by 4 (parts of 4): index 9 is 1 on the third device, 5 on the second, -3 on the fourth
//
// Windows may begin in one part and end in the next: where they do, each device has a margin on either side of its part
// into which they may reach, and whose elements count for nothing.
//
// Indices are brought into s32 and into the range of the whole first: what the whole program clamps or drops is not
// what a device would.
#pragma once

#include <vector>

#include "shard/way.h"

namespace gshard {

// What one component of index vectors points into.
struct IndexedDim {
  int64_t lowest = 0;   // indices below count as this one
  int64_t highest = 0;  // indices above count as this one
  Digits digits = {};   // that cut the dimension
  int64_t part = 0;     // its size on each device
  int64_t margin = 0;   // elements before and behind the part
};

// Whether a dimension that indices point into is cut.
bool is_any_indexed_cut(const LocalOp& op);

// The index vectors with their components along `vector_dim` (the rank of `indices` if each is a scalar); one
// IndexedDim for each component.
Instruction* localized_indices(Instruction* indices, size_t vector_dim, const std::vector<IndexedDim>& dims,
                               Emitter& emitter);

// For each vector of localised indices whether all components point into this device's part, or a margin before it;
// without `vector_dim`.
Instruction* points_inside(Instruction* indices, size_t vector_dim, const std::vector<IndexedDim>& dims,
                           Emitter& emitter);

// Components of localised indices that were as low or as high as those of `dims` became -1, outside of every part.
Instruction* without_extremes(Instruction* indices, size_t vector_dim, const std::vector<IndexedDim>& dims,
                              Emitter& emitter);

// What adds nothing to any value of the type under the reducer add, nor to one of pred under or; of floats -0, which
// leaves the sign of zeros alone.
Instruction* nothing_to_add(DType type, Emitter& emitter);

}  // namespace gshard
