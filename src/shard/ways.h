// The ways of the ops that have others than the plain one; ways_of() in way.cc chooses among these functions.
#pragma once

#include "shard/way.h"

namespace gshard {

// Each device does what falls into its part of the dimensions that the indices point into.
std::vector<Way> ways_of_gather(const Instruction& instruction);
std::vector<Way> ways_of_scatter(const Instruction& instruction);
std::vector<Way> ways_of_dynamic_slice(const Instruction& instruction);
std::vector<Way> ways_of_dynamic_update_slice(const Instruction& instruction);

// Each device fetches the intervals that its part of the result is made of.
std::vector<Way> ways_of_windowed(const Instruction& instruction);  // slice, pad, and part of the next two
std::vector<Way> ways_of_reduce_window(const Instruction& instruction);
std::vector<Way> ways_of_convolution(const Instruction& instruction);
std::vector<Way> ways_of_select_and_scatter(const Instruction& instruction);
std::vector<Way> ways_of_reverse(const Instruction& instruction);
std::vector<Way> ways_of_concatenate(const Instruction& instruction);
std::vector<Way> ways_of_reshape(const Instruction& instruction);

// The same bytes, in the order that the layouts of the text give them: devices know no layouts.
std::vector<Way> ways_of_bitcast(const Instruction& instruction);

// Each device reduces its part, and the results of all are reduced again.
std::vector<Way> ways_of_topk(const Instruction& instruction);
std::vector<Way> ways_of_reduce(const Instruction& instruction);
std::vector<Way> ways_of_custom_call(const Instruction& instruction);

// Parts of an operand or of the result go around the devices while they are worked on.
std::vector<Way> ways_of_dot(const Instruction& instruction);

// Each device makes the bits of its own elements, which depend on their places in the whole.
std::vector<Way> ways_of_rng_bit_generator(const Instruction& instruction);

}  // namespace gshard
