// topk: the first elements of each row and where they stand.
#pragma once

#include "backend/cpu/routine.h"

namespace gshard::cpu {

// `x` is a topk or a custom-call of TopK. Null where rows are longer than 2^31.
std::unique_ptr<Routine> make_topk(const Instruction& x);

}  // namespace gshard::cpu
