// How often a property is tried, and on what.
#pragma once

#include <cstdlib>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"

namespace gshard {

// The environment variable GSHARD_TRIALS asks for the long form of the tests.
inline bool is_long_form() { return std::getenv("GSHARD_TRIALS") != nullptr; }

// `usual` times, or as often as GSHARD_TRIALS says.
inline uint64_t trials(uint64_t usual) {
  return is_long_form() ? static_cast<uint64_t>(std::atoll(std::getenv("GSHARD_TRIALS"))) : usual;
}

// Arguments without regard to their use: indices beyond what they index, negative and equal keys.
std::vector<Literal> wild_arguments(const Module& module, uint64_t seed);

}  // namespace gshard
