// sort: by keys where the comparator looks at keys, else by calling it.
#pragma once

#include "backend/cpu/routine.h"

namespace gshard::cpu {

// Null where elements have more than 2^32 places, or the comparator is more than loops know.
std::unique_ptr<Routine> make_sort(const Instruction& sort, const Wanted& wanted);

}  // namespace gshard::cpu
