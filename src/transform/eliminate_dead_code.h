// eliminate-dead-code: what reaches no result and does nothing goes, elements of tuples included.
//
// Of a loop state (s32[], f32[8], f32[8]) whose last element only the loop itself hands on, (s32[], f32[8]) stays, in
// the loop, its condition, its body and its start. In the same way branches and calls stop returning, and branches
// stop taking, what nobody reads.
#pragma once

#include "ir/module.h"

namespace gshard {

// Kept whatever becomes of them: parameters of the entry, the entry's result, what acts on the outside world (infeed,
// send, custom-calls that say so, random numbers with hidden state), and values that others are to be sharded like
// (shard_as, shard_like). Loops that do no such thing are taken to end, so an unused one goes. Computations that
// nothing calls go too.
bool eliminate_dead_code(Module& module);

}  // namespace gshard
