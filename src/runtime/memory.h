// How much memory this machine gives the process.
#pragma once

#include <cstdint>

namespace gshard {

// What a program may take: most of the machine's memory, or of its control group's where that has less.
int64_t memory_limit();
// The most that the process has held so far.
int64_t peak_memory();

}  // namespace gshard
