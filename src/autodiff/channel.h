// Channels of collectives: each that a backward pass adds has one of its own.
//
//   attrs.channel_id = unused_channel(module);      // 4 where the module has the channels 1 and 3
#pragma once

#include "ir/module.h"

namespace gshard {

// A channel that no instruction of the module has.
int64_t unused_channel(const Module& module);

}  // namespace gshard
