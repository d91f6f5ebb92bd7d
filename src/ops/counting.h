// Arrays that count up from 0 along one of their dimensions: an iota, whatever it went through. Where indices do so,
// gather and scatter visit their operand in step with the indices, as along a batching dimension:
//
//   places = concatenate(broadcast(iota), ids)      x[arange(8), ids]: row i of x for row i of the indices
#pragma once

#include <optional>

#include "ir/instruction.h"

namespace gshard {

// The dimension of `indices` (a gather's or scatter's) whose position the component is of every index vector. Vectors
// lie along `vector_dim`, or are scalars if that is the rank. nullopt where that cannot be told.
std::optional<int64_t> counting_dim(const Instruction& indices, int64_t vector_dim, size_t component);

}  // namespace gshard
