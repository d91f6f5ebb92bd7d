// The part of a loop that decides how often it runs.
//
//   while (i, x) : i < 10 { i + 1, f(x) }      has the slice
//
//   start { ROOT t = (s32[]) tuple(constant(0)) }
//   step  { i = s32[] parameter(0)
//           ROOT t = (pred[], s32[]) tuple(compare(i, constant(10)), add(i, constant(1))) }
//
// Calls, fusions, tuples, copies and annotations are seen through, and elements of the state that never change are
// replaced by what they start as.
#pragma once

#include <memory>

#include "ir/module.h"

namespace gshard {

struct LoopSlice {
  // No parameters; a tuple of what the elements of the sliced state start as.
  std::unique_ptr<Module> start;
  // From the elements of the sliced state to (whether the body runs, the elements after it).
  std::unique_ptr<Module> step;
};

// The slice, folded and simplified. Null modules where the condition depends on more than a little arithmetic
// on what starts as constants.
LoopSlice slice_of_loop(const Instruction& loop);

}  // namespace gshard
