// ragged-dot: products of groups of rows by oneDNN.
//
// The sizes of groups are data, and oneDNN wants sizes beforehand: 300 rows are a product of 256, one of 32, of 8 and
// of 4 rows.
#pragma once

#include "backend/cpu/routine.h"

namespace gshard::cpu {

// Null for types that oneDNN lacks, for sums of groups with batch dimensions, and where a dimension of the left that is
// not summed stands behind the ragged one.
std::unique_ptr<Routine> make_ragged_dot(const Instruction& x);

}  // namespace gshard::cpu
