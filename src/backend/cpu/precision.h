// How exactly matrix products are computed.
#pragma once

#include <cstdint>

namespace gshard::cpu {

// In which type products and convolutions of f32 multiply; both add up in f32.
enum class MatmulPrecision : uint8_t { f32, bf16 };

}  // namespace gshard::cpu
