// reduce-window of large windows by a usual reducer, in time that grows with the array and not with the window.
//
//   x = 1 2 3 4 5 6 7,  sums of windows of 3:   blocks of 3       1  2  3 | 4  5  6 | 7
//                                               from a place on   6  5  3 |15 11  6 | 7
//                                               up to a place     1  3  6 | 4  9 15 | 7
//
// The window that begins at 2 is what is left of its block, 5, and the next one up to its end, 4. A cumulative sum is
// the case in which the first part is padding.
#pragma once

#include "backend/cpu/routine.h"

namespace gshard::cpu {

// Null where places of the window or elements are apart (dilations), for several arrays, and for unusual reducers.
std::unique_ptr<Routine> make_windows(const Instruction& reduce_window);

}  // namespace gshard::cpu
