// Modules of one op with random sizes and attributes, for every family of ops that cares how its operands are cut.
//
//   for (const OpFamily& family : op_families()) parse_module(family.text(seed));
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace gshard {

struct OpFamily {
  const char* name;
  std::string (*make)(uint64_t seed);
  bool is_of_any_type;  // whether the types of its numbers and places may be replaced by others

  // The same seed gives the same module; types are left to be inferred.
  std::string text(uint64_t seed) const;
};

std::span<const OpFamily> op_families();

}  // namespace gshard
