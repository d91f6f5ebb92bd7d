// The verifier: every promise of the IR, derived again.
//
//   verify(*parse_module(text, "m.hlo"));   // m.hlo:4:3: error: dot: contracting dimension 1 of operand 0 has size ...
#pragma once

#include "ir/module.h"

namespace gshard {

// Throws Error(program) at the first instruction that breaks a rule, with its place in the text, what is wrong and
// the values:
// - computations and instructions have unique names, roots and parameters without gaps, operands and control
//   predecessors stand before their users, callees before their callers;
// - operand and callee counts, attributes and the signatures of called computations are as the op wants them, and the
//   result's type is what infer_shape derives;
// - shardings fit their values;
// - aliases and donors name parts of parameters and of the result, and the entry layout the entry's types.
// Takes time linear in the size of the module, and no recursion but that into tuple types.
void verify(const Module& module);

}  // namespace gshard
