// How exactly a number of a kernel is computed.
#pragma once

#include <cstdint>

namespace gshard::cpu {

enum class Accuracy : uint8_t {
  full,    // as its op asks for: functions to an ulp or two, quotients rounded
  near,    // to an ulp or two, quotients too
  coarse,  // to an eighth of a bf16's ulp
};

}  // namespace gshard::cpu
