// Which pointwise instructions the loops know.
#pragma once

#include "ir/module.h"

namespace gshard::cpu {

// Whether emit_pointwise() knows this op on these types (which are types of loops: pred, integers of whole bytes, bf16,
// f16, f32, f64).
bool is_pointwise_loop_op(const Instruction& x);

}  // namespace gshard::cpu
