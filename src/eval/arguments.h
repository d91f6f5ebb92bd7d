// Random arguments that make sense: those with which a real module computes something finite.
//
//   std::vector<Literal> arguments = random_arguments(module, 1);
//   Literal result = evaluate(module, arguments);
//
// - floats lie in (0.5, 1.5) / sqrt(fan-in), where the fan-in is the number of elements that a dot or convolution over
//   them sums up; positive, since second moments of optimisers are parameters too;
// - integers are in the range of their use: positions in what they index, counts that fit; else 0 to 3;
// - they are sorted, or all different, where an op was promised that;
// - keys and states of random number generators are random bits, pred is a coin.
//
// The same module and seed give the same values on every machine; a parameter's values do not depend on the other
// parameters.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"

namespace gshard {

enum class Signs : uint8_t { positive, both };

struct ArgumentOptions {
  Signs signs = Signs::positive;  // both: floats get a random sign
};

// One value per parameter of the entry computation of a verified module. Throws Error(memory) where one is too large.
std::vector<Literal> random_arguments(const Module& module, uint64_t seed, const ArgumentOptions& options = {});

// The value with every leaf converted to the type it has in `shape`, which is alike in structure and sizes.
Literal convert_leaves(const Literal& value, const Shape& shape);

}  // namespace gshard
