// Windows on the way back.
//
//   {size=3 stride=2 pad=1_1} has 4 positions over 8 elements:
//   transposed(dim, 8, 4) is {size=3 pad=1_2 lhs_dilate=2 rhs_reversal=1}, which has 8 positions over 4
#pragma once

#include "ir/attributes.h"

namespace gshard {

// The dimension of a window that slides over the `outputs` positions of a window of this dimension over `inputs`
// elements, and visits for each element the positions whose windows it was in, from the last to the first.
WindowDim transposed(const WindowDim& dim, int64_t inputs, int64_t outputs);

// The dimension of a window as large as the positions, that slides over the elements once for each tap of the window
// and visits, one position after the other, the elements that the tap saw.
WindowDim taps_of(const WindowDim& dim, int64_t inputs, int64_t outputs);

}  // namespace gshard
