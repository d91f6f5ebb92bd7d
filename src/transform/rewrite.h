// One walk over a computation that replaces values: the frame of most passes.
//
//   rewrite(computation, [](Instruction& x) { return x.op() == Op::copy ? x.operand(0) : nullptr; });
//
// removes the copies. What must hold for every replacement is kept here, in one place: annotations survive
// (transform/annotation.h), control predecessors still run before, the metadata says where the value comes from.
#pragma once

#include <functional>

#include "ir/module.h"

namespace gshard {

// The value that can stand for the instruction, or null. It is an instruction that was there before (an operand, an
// operand's operand, or any that stands before), or one newly added at the end of the computation; it must not depend
// on the instruction that it replaces.
using Rule = std::function<Instruction*(Instruction&)>;

// Applies the rule to every instruction after its operands were replaced, and again to each new instruction that it
// returns, until it returns null. Returns whether anything was replaced. Replaced instructions are removed and the new
// ones stand in their places; what only they used stays until dead code is eliminated. O(size) applications of the
// rule.
bool rewrite(Computation& computation, const Rule& rule);

// The same for all computations, callees first. Computations that nothing calls any more go.
bool rewrite(Module& module, const Rule& rule);

}  // namespace gshard
