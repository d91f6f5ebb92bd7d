// Reshapes and broadcasts that several loops read, once for each.
//
//   %b = broadcast(%norm)    %y = multiply(%x, %b)    %s = multiply(%g, %b)      %s reads a second %b
//
// They cost nothing inside of a loop, and what is shared would tie the loops together: whichever contains it must run
// first.
#pragma once

#include "ir/module.h"

namespace gshard::cpu {

void repeat_views(Module& module);

}  // namespace gshard::cpu
