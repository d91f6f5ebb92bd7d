// LLVM code for functions of one f32 number, lane by lane and without calls.
//
//   Value* y = inline_math(Op::tanh, builder, x);    // x: float or a vector of floats
//
// Errors over all numbers that are not subnormal, in units of the last place (tests/backend/math_test.cc):
//
//   exponential 1, and exponential-minus-one 2; results of exponential below 2^-126 are 0
//   log 1, log-plus-one 2
//   tanh 2.2, logistic 2
//   erf 1
//
// Coarse ones, of which nothing but a bf16 is seen, err by less than an eighth of a unit in its last place.
//
// NaN stays NaN, and infinities give the limits.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include "backend/cpu/accuracy.h"
#include "ir/op.h"

namespace gshard::cpu {

// Null where the op has no such code.
llvm::Value* inline_math(Op op, llvm::IRBuilder<>& builder, llvm::Value* x, Accuracy accuracy = Accuracy::full);
// 1 + erf(x), as exactly as such a sum can be, and in which nothing cancels where x is negative. Of f32.
llvm::Value* one_plus_erf(llvm::IRBuilder<>& builder, llvm::Value* x, Accuracy accuracy);

}  // namespace gshard::cpu
