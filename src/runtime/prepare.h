// What is done to a program before it is partitioned.
#pragma once

#include <cstdint>
#include <memory>

#include "ir/module.h"

namespace gshard {

// Gives values to the constants whose values the text left out ("{...}"): made_up_constant() of eval/evaluate.h. What
// is derived from the module afterwards, in whatever types, agrees on them.
void make_up_constants(Module& module, uint64_t seed);

// A copy of a verified module with calls and fusions inlined and batch norms expanded, simplified. Constants that still
// have no values get those of seed 0.
std::unique_ptr<Module> prepare(const Module& module);

}  // namespace gshard
