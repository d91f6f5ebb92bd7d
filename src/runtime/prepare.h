// What is done to a program before it is partitioned.
#pragma once

#include <memory>

#include "ir/module.h"

namespace gshard {

// A copy of a verified module with calls and fusions inlined and batch norms expanded, simplified. Values that the text
// left out of constants ("{...}") are made up, each from its place in the program, so that all that comes later agrees
// on them.
std::unique_ptr<Module> prepare(const Module& module);

}  // namespace gshard
