// Dots brought into forms that run fast.
//
//   dot of f32[64] and f32[8,64], batch dimensions 0 and 1         becomes a multiply
//   dot that contracts all but its batch dimensions                becomes a multiply and a reduce
//   dot whose contracted dimensions stand in two different orders  gets an operand transposed
//   dot of many small matrices that are parts of few larger ones   gets an operand transposed
//   dot of types that there is no product of                       becomes one of wider types, between conversions
//
// Convolutions and ragged products of such types too.
#pragma once

#include "ir/module.h"

namespace gshard::cpu {

void prepare_dots(Module& module);

// Makes the operands of products and convolutions of f32 bf16; they are still added up in f32.
void round_operands(Module& module);

}  // namespace gshard::cpu
