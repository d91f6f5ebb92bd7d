// Rows that are added up at places known at run time (backend/cpu/prepare_one_hot.h).
#pragma once

#include "backend/cpu/routine.h"

namespace gshard::cpu {

// The instruction is a custom call of kSumRows.
std::unique_ptr<Routine> make_sum_rows(const Instruction& x);

}  // namespace gshard::cpu
