// eliminate-common-subexpressions: of instructions that compute the same, the first stays.
//
//   %a = f32[8] add(%x, %y)
//   %b = f32[8] add(%y, %x)        uses of %b become uses of %a
#pragma once

#include "ir/module.h"

namespace gshard {

// Instructions are the same when op, type, attributes, annotation, operands (in either order where the op commutes)
// and the meaning of their callees are. Left alone: parameters, elided constants, opaque custom-calls, optimization
// barriers (they are there to keep a recomputation apart), and what acts on the outside world or draws random numbers.
bool eliminate_common_subexpressions(Module& module);

}  // namespace gshard
