// Attributes that carry sizes, in the sizes of one device.
#pragma once

#include "ir/attributes.h"
#include "shard/way.h"

namespace gshard {

// The attributes of the local op under its plan.
Attributes localized_attributes(const LocalOp& op);

}  // namespace gshard
