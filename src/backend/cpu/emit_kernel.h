// From a kernel to LLVM code.
#pragma once

#include <llvm/IR/Module.h>

#include <string>

#include "backend/cpu/emit_pointwise.h"
#include "backend/cpu/kernel.h"

namespace gshard::cpu {

// Adds to the module
//
//   void name(char* const* arguments, int64_t first_row, int64_t last_row, int64_t first_lane, int64_t last_lane)
//
// which runs the rows (iterations of the outer loops, in row-major order) from first_row up to last_row, and of an
// outer lane loop the iterations from first_lane up to last_lane.
void emit_kernel(const Kernel& kernel, const std::string& name, llvm::Module& module, const Machine& machine);

}  // namespace gshard::cpu
