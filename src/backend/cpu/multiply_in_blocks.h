// Products of types that oneDNN has not: f64 and integers of 32 and 64 bits, which wrap.
#pragma once

#include "backend/cpu/matmul.h"

namespace gshard::cpu {

// Does the whole product on the calling thread. It has neither a bias nor a scale.
void multiply_in_blocks(const MatmulSpec& spec, const Matmul::Arrays& arrays);

}  // namespace gshard::cpu
