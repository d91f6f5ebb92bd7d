// Completing the shardings: from a few annotated values to all of them.
//
// Propagation asks, for every factor of every constraint, which mesh digits all tensors that have the factor agree on,
// and gives them to those that lack them, to a fixed point; pass-through ops first, contractions next, broadcasts last.
#pragma once

#include <vector>

#include "ir/mesh.h"
#include "ir/sharding.h"
#include "shard/constraints.h"

namespace gshard {

// What is known of a class of values while shardings are chosen.
struct PartialSharding {
  Sharding sharding;
  // Dimensions that propagation may still cut; an annotation closes those that it specifies.
  SmallVector<bool, 8> open;
};

// One step of propagation: a dimension of a value was cut by some more digits because another value is, whose dimension
// shares a factor of an op with it.
struct Spread {
  ValueClass to = 0;
  ValueClass from = 0;
  uint32_t dim = 0;
  Digits digits;
  const Instruction* through = nullptr;  // the op, or the loop or call whose edge they are the ends of
};

// Completes `shardings` (one per class of values) in place. Closed dimensions are never changed; open ones only gain
// digits at their minor end. The result does not depend on the order of the module's text. Returns where the digits
// came from, in the order in which they were given.
std::vector<Spread> propagate(const std::vector<Constraint>& constraints, const ValueTable& values, const Mesh& mesh,
                              std::vector<PartialSharding>& shardings);

}  // namespace gshard
