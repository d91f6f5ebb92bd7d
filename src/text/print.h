// Writing HLO text, as XLA writes it: what XLA's own printer made and gshard read is printed back byte for byte.
#pragma once

#include <string>

#include "ir/module.h"

namespace gshard {

struct PrintOptions {
  bool metadata = true;         // metadata={...} and the source tables
  bool large_constants = true;  // false: constants of more than ten elements are printed as {...}
};

std::string print(const Module& module, const PrintOptions& options = {});
// One line without indentation.
std::string print(const Instruction& instruction, const PrintOptions& options = {});
// With layouts where there are any.
std::string print(const Shape& shape);
// With the outer braces: "{devices=[2,1]<=[2]}".
std::string print(const HloSharding& sharding);
// What stands between the parentheses of a constant: "{1, 2}".
std::string print(const Literal& literal);

}  // namespace gshard
