// How many instructions of an op a module has, in all its computations.
#pragma once

#include "ir/module.h"

namespace gshard {

inline size_t count(const Module& module, Op op) {
  size_t found = 0;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) found += instruction->op() == op ? 1 : 0;
  }
  return found;
}

}  // namespace gshard
