// simplify: the passes that make a program smaller and plainer, together.
#pragma once

#include <span>

#include "transform/pass.h"

namespace gshard {

// inline-calls, simplify-tuples, simplify-loops, simplify-algebra, fold-constants, eliminate-common-subexpressions,
// eliminate-dead-code.
std::span<const Pass> simplify_passes();

// Runs them to a fixed point. Afterwards the module computes the same values, bit for bit, with the same side effects,
// and has the same annotations on what is left of it.
bool simplify(Module& module, const PassOptions& options = {});

}  // namespace gshard
