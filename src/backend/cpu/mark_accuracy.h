// How exactly numbers of a kernel have to be computed, from what is seen of them.
//
//   y = bf16 convert(multiply(x, logistic(x)))         the logistic and the product are coarse
//   y = bf16 convert(subtract(tanh(x), 0.9999))        tanh is near: what cancels brings its last bits forward
//   y = bf16 convert(floor(divide(x, 3)))              the quotient is full: an ulp less is another integer
//
// What is coarse is a bf16 or goes into one through ops that pass relative errors on; what is near goes into bf16
// through ops without jumps and steep places, so that an ulp or two of f32 is lost in what their sums round anyway.
// Functions of coarse numbers are computed by shorter polynomials, and rows are divided by a number by its reciprocal.
#pragma once

#include "backend/cpu/kernel.h"

namespace gshard::cpu {

void mark_accuracy(Kernel& kernel);

}  // namespace gshard::cpu
