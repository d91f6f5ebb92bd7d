// Computing something a second time, for the backward pass.
//
//   layer { ... noise = f32[4] rng(low, high), distribution=rng_uniform ... }      check_repeatable(p, layer) throws
#pragma once

#include "autodiff/pullback.h"

namespace gshard {

// Refuses where something that the computation does may happen only once.
void check_repeatable(const Pullback& p, const Computation& computation);

}  // namespace gshard
