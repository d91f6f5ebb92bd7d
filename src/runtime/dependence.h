// Which results of a program can change with its arguments.
//
//   cache = f32[4,8] broadcast(0)           // fixed
//   next = f32[4,8] add(cache, x)           // not fixed where x is a parameter
#pragma once

#include <vector>

#include "ir/module.h"

namespace gshard {

// For each leaf (array or token) of the result of a verified module whether it is computed from an argument, or from
// something else that comes from outside (infeed, recv, rng). Loops are followed leaf by leaf: state that no argument
// flows into is not dependent, however often it is updated.
std::vector<bool> results_dependent_on_arguments(const Module& module);

}  // namespace gshard
