// Which numbers of a kernel are seen only as bf16.
//
//   y = bf16 convert(multiply(x, logistic(x)))         the logistic and the product are coarse
//   y = bf16 convert(subtract(tanh(x), 0.9999))        tanh is not: what cancels brings its last bits forward
//
// Functions of coarse numbers are computed by shorter polynomials, to an eighth of a unit in bf16's last place.
#pragma once

#include "backend/cpu/kernel.h"

namespace gshard::cpu {

void mark_coarse(Kernel& kernel);

}  // namespace gshard::cpu
