// Long sums over leading dimensions in two steps.
//
//   reduce(f32[8192,512], dimensions={0})   becomes   reduce(reduce(f32[64,128,512], dimensions={1}), dimensions={0})
//
// A kernel that goes through the rows anyway, a norm's gradient for one, can then add them up on its way, 128 at a time
// and each 128 on any thread (add_rows.h). How a sum is cut depends on its sizes alone.
#pragma once

#include "ir/module.h"

namespace gshard::cpu {

void split_sums(Module& module);

// Whether a reduction is the first step of such a sum.
bool is_split_sum(const Instruction& x);

}  // namespace gshard::cpu
