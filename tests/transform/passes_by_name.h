// The passes under test, by the names that they run under.
#pragma once

#include <vector>

#include "transform/pass.h"

namespace gshard {

// All passes of `simplify`, `simplify` itself, and inline-calls that dissolves fusions as `dissolve-fusions`.
const std::vector<Pass>& passes_under_test();
const Pass& pass_under_test(std::string_view name);

// verify(), and that printing and reading the module again gives the same.
void check_module(const Module& module);

}  // namespace gshard
