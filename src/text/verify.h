// The verifier: every promise of the IR, derived again.
#pragma once

#include "ir/module.h"

namespace gshard {

// Throws Error(program) at the first instruction that breaks a rule, with its place in the text, what is wrong and
// the values: result types against infer_shape, the number of operands and callees, attribute ranges, the signatures of called
// computations (while, conditional, reduce, sort, ...), tuple indices, aliases and donors against parameters and
// results, the entry layout against the entry computation, module sharding arity.
void verify(const Module& module);

}  // namespace gshard
