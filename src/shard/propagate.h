// Completing the shardings: from a few annotated values to all of them.
//
//   x = f32[64,32] parameter(0), sharding={devices=[4,1]<=[4]}
//   w = f32[32,16] parameter(1)
//   y = f32[64,16] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
//   z = f32[64,16] tanh(y)
//
// A visit of a constraint asks, for every factor of its op, which mesh digits all tensors that have the factor agree
// on, and gives them to those that lack them. The dot's rows are cut in x, so y is cut by rows as well, and then z; w
// does not have that factor and stays whole. Whatever is cut has its constraints queued, to a fixed point.
//
// Constraints of a lower level (constraints.h) are visited first: pass-through ops, then contractions, then broadcasts.
// A level goes in waves outward from what is cut already: all constraints that wait are visited, in canonical order,
// before any that is queued on their account. So a value that could be cut in two ways has the cut that comes from
// nearer by:
//
//   near = dot(a, a)    once = dot(b, w)    twice = dot(once, v)    sum = add(near, transpose(twice))
//
// where a and b are cut by rows: the first wave of dots cuts near and once. What follows from near at a lower level
// comes next (sum is cut by rows, twice by columns), before the second wave would cut twice by rows.
#pragma once

#include <vector>

#include "ir/mesh.h"
#include "shard/constraints.h"
#include "shard/sharding_table.h"

namespace gshard {

// One step of propagation: a value was cut by some more digits because another value is, which shares a factor of an op
// with it.
struct Spread {
  ValueClass to = 0;
  ValueClass from = 0;
  DigitSet digits = 0;
  const Instruction* through = nullptr;  // the op, or the loop or call whose edge they are the ends of
};

// Completes the shardings in place. Closed dimensions are never changed; open ones only gain digits at their minor end.
// The result does not depend on the order of the module's text. Returns where the digits came from, in the order in
// which they were given.
std::vector<Spread> propagate(const Constraints& constraints, const Mesh& mesh, ShardingTable& shardings);

}  // namespace gshard
