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
// NaN stays NaN, and infinities give the limits.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include "ir/op.h"

namespace gshard::cpu {

// Null where the op has no such code.
llvm::Value* inline_math(Op op, llvm::IRBuilder<>& builder, llvm::Value* x);

}  // namespace gshard::cpu
