// Channels of collectives.
#pragma once

#include "ir/module.h"

namespace gshard {

// A channel that no instruction of the module has.
int64_t unused_channel(const Module& module);

}  // namespace gshard
