// Computing something a second time, for the backward pass.
#pragma once

#include "autodiff/pullback.h"

namespace gshard {

// Refuses where something that the computation does may happen only once.
void check_repeatable(const Pullback& p, const Computation& computation);

}  // namespace gshard
