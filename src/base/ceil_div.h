// Division of integers, rounded up.
#pragma once

#include <cstdint>

namespace gshard {

// a of any sign, b above 0: ceil_div(7, 2) == 4, ceil_div(-7, 2) == -3. Does not overflow.
constexpr int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }

}  // namespace gshard
