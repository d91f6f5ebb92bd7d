// Convolutions brought into the order of dimensions that oneDNN wants.
//
//   convolution of bf01_oi01->bf01      becomes transposes around one of b01f_oi01->b01f
//
// What went into a strided convolution is computed from a kernel that is not reversed: where HLO has reverse(kernel),
// the reverse goes.
#pragma once

#include "ir/module.h"

namespace gshard::cpu {

void prepare_convolutions(Module& module);

}  // namespace gshard::cpu
