// simplify-tuples: what is taken out of a tuple that was just made is the element itself, and a tuple of all elements
// of one tuple is that tuple.
//
//   %t = (f32[8], s32[]) tuple(%x, %i)
//   %y = f32[8] get-tuple-element(%t), index=0       uses of %y become uses of %x
#pragma once

#include "ir/module.h"

namespace gshard {

bool simplify_tuples(Module& module);

}  // namespace gshard
