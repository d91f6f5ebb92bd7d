// Random programs, for properties that must hold for every program.
//
//   for (uint64_t seed = 0; seed < 1000; ++seed) {
//     const auto module = random_program({.seed = seed});
//     EXPECT_EQ(evaluate(*module, random_arguments(*module, seed)), ...) << "seed " << seed;
//   }
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ir/module.h"

namespace gshard {

struct RandomProgramOptions {
  uint64_t seed = 0;
  int instructions = 40;  // about so many in the entry, fewer in each body
  int parameters = 4;
  // Of a dimension that a value starts with.
  int64_t largest_size = 4;
  // Bodies nest this deep: while, conditional, call. 0 for none.
  int nesting = 2;
  // One in so many instructions carries a sharding; 0 for none.
  int annotate_one_in = 12;
};

// A valid module over pointwise ops, moves of elements, reductions, dots, gathers, tuples, loops, branches and calls,
// in mixed types and small sizes (0 and 1 among them). Much of it is dead, constant or twice the same, so that
// simplifying has something to find. The same options give the same module.
std::unique_ptr<Module> random_program(const RandomProgramOptions& options);

// Values for the entry's parameters: small numbers, zeros of both signs, infinities and NaN.
std::vector<Literal> random_arguments(const Module& module, uint64_t seed);

// Equal shapes and elements, where any NaN equals any other.
bool same_values(const Literal& a, const Literal& b);

}  // namespace gshard
