// Random shardings for the values of a module, in every form that HLO's text has for them.
//
//   auto module = parse_module(text);
//   annotate_at_random(*module, 7);         // num_partitions=6, %x sharding={devices=[3,2]<=[2,3]T(1,0)}, ...
#pragma once

#include <cstdint>
#include <string>

#include "ir/module.h"

namespace gshard {

// Removes the annotations of a module and gives about half of its values others on one mesh of 2 to 64 devices: whole,
// on one device, unreduced, unknown, or cut along one or several dimensions by one or several axes or parts of axes, in
// any order of the devices. Returns the mesh in words. The same module and seed get the same annotations.
std::string annotate_at_random(Module& module, uint64_t seed);

}  // namespace gshard
