// What the CPU at hand multiplies matrices with.
#pragma once

#include <string>

namespace gshard::cpu {

// "avx512_core_amx", "avx512_core_bf16", "avx2": the most that oneDNN uses here; the environment's ONEDNN_MAX_CPU_ISA
// makes it less.
std::string instruction_set();

// Whether it multiplies bf16 faster than f32.
bool multiplies_bf16();
// Whether oneDNN multiplies bf16 at all; where it does not, products are done in f32.
bool makes_bf16_products();

}  // namespace gshard::cpu
