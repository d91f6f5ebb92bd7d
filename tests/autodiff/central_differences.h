// Gradients against central differences: the change of a program's results along random directions.
//
//   EXPECT_EQ(gradient_difference(*module, arguments, {.seed = 1}), "");
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"

namespace gshard {

enum class Variables : uint8_t {
  all,     // every floating-point or complex parameter
  arrays,  // those that are no scalars: initial and padding values are left out
};

struct DifferenceOptions {
  uint64_t seed = 1;
  Variables variables = Variables::all;
  double tolerance = 1e-6;  // relative to the sum of what the single elements contribute
};

// The module with the gradients of its results, times random cotangents, with respect to its parameters: the root
// becomes a tuple of the results and the gradients.
std::unique_ptr<Module> with_gradients(const Module& module, const DifferenceOptions& options = {});

// The first parameter along which the results of a module in f64 and c128 change otherwise than its gradient says, in
// words; empty where there is none. Throws what gradient() throws.
std::string gradient_difference(const Module& module, std::span<const Literal> arguments,
                                const DifferenceOptions& options = {});

}  // namespace gshard
