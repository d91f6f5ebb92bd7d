// The boundary of a partitioned module as attributes of its header.
#pragma once

#include "shard/partition.h"

namespace gshard {

void write_boundary(const Boundary& boundary, ModuleHeader& header);

}  // namespace gshard
