// Making plans that fit into the memory of the devices.
//
//   f32[4096,4096] weights cut by 8 devices, read by a dot whose other operand is cut along the batch:
//     enough memory     gather the weights, 64 MiB; the fastest
//     32 MiB            move the activations instead
#pragma once

#include <optional>

#include "shard/program_estimate.h"

namespace gshard {

struct MemoryFit {
  // Under which the plans take at most the machine's memory, or, where none do, the least that was found.
  MemoryPrices prices;
  // The least that was found, where that is still more than there is.
  std::optional<Estimate> shortage;
};

// Ops that make what is held while there is too much pay for memory, more and more, until what is held fits. Nothing is
// done where the machine's memory is not known.
MemoryFit fit_memory(Decision decision);

}  // namespace gshard
