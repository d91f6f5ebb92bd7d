// Recognising what a called computation over two scalars does: the `to_apply` of reduce, scatter, all-reduce, ...
//
//   sum { a = f32[] parameter(0)  b = f32[] parameter(1)  ROOT s = f32[] add(a, b) }     reducer_of(sum) ==
//   Reducer::add
#pragma once

#include "ir/literal.h"
#include "ir/module.h"
#include "ir/sharding.h"

namespace gshard {

// The reducer that the computation is: one add, multiply, maximum, minimum, and, or, xor of its two parameters in
// either order, itself or by a call, with or without an exact conversion of both on the way in and of the result on the
// way out (a sum of bf16 in f32). Reducer::none for everything else.
Reducer reducer_of(const Computation& computation);

// The op that combines two values under a reducer. `reducer` is not none.
Op op_of(Reducer reducer);

}  // namespace gshard
