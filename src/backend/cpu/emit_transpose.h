// LLVM code that transposes squares of numbers in registers.
//
//   SmallVector<Value*> rows = {<a b>, <c d>};
//   transpose_square(builder, rows);             // {<a c>, <b d>}
#pragma once

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/IRBuilder.h>

namespace gshard::cpu {

// As many vectors as each has lanes, a power of two: lane i of vector j becomes lane j of vector i.
void transpose_square(llvm::IRBuilder<>& builder, llvm::SmallVectorImpl<llvm::Value*>& rows);

}  // namespace gshard::cpu
