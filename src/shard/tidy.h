// Tidying the program of one device: what nobody reads goes, small collectives of one kind become one.
#pragma once

#include <vector>

#include "ir/module.h"
#include "shard/report.h"

namespace gshard {

// Removes instructions without readers and effects from all computations; what `reshards` says of them goes too.
void remove_unread(Module& module, std::vector<ReshardRecord>& reshards);

// Joins all-reduces, all-gathers and reduce-scatters over the same devices that do not wait for each other into one
// variadic collective, up to `largest` bytes of operands each: a collective costs a latency however small it is.
// `reshards` then name the joint one.
void combine_collectives(Module& module, int64_t largest, std::vector<ReshardRecord>& reshards);

}  // namespace gshard
