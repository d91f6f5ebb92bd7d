// How often a property is tried, and on what.
#pragma once

#include <cstdlib>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"

namespace gshard {

// `usual` times, or as often as the environment variable GSHARD_TRIALS says: the long form of the tests.
inline uint64_t trials(uint64_t usual) {
  const char* often = std::getenv("GSHARD_TRIALS");
  return often == nullptr ? usual : static_cast<uint64_t>(std::atoll(often));
}

// Arguments without regard to their use: indices beyond what they index, negative and equal keys.
std::vector<Literal> wild_arguments(const Module& module, uint64_t seed);

}  // namespace gshard
