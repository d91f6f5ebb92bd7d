// fold-constants: what is computed from constants alone is computed now.
//
//   %n = s32[] multiply(constant(6), constant(7))      becomes      %constant.1 = s32[] constant(42)
#pragma once

#include <cstdint>

#include "ir/module.h"

namespace gshard {

struct FoldOptions {
  // Neither operands nor result may have more elements than this, so that the text does not grow out of hand.
  int64_t max_elements = 1024;
  // none: what would be rounded to its type stays, so that the program means the same in wider types.
  enum class Rounding : uint8_t { as_declared, none } rounding = Rounding::as_declared;
};

// Folds pointwise ops, moves of elements, dot, reduce and the like; never broadcast and iota (they are the short form
// of a large constant), random numbers, calls, loops, collectives, custom-calls, or anything made of an elided
// constant. The reference evaluator computes the values, so they are those of an unfolded run.
bool fold_constants(Module& module, const FoldOptions& options = {});

}  // namespace gshard
