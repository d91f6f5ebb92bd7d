// widen-floats: the same program with every float an f64 and every complex number a c128.
//
//   %y = bf16[8] convert(f32[8] %x)               is %x
//   %z = f32[8] exponential(%x)                   becomes      %z = f64[8] exponential(%x)
//   %b = u32[8] bitcast-convert(f32[8] %z)        becomes      %b = u32[8] bitcast-convert(f32[8] convert(%z))
//
// What is left out is rounding: the result is what the program means in exact arithmetic, to about 1e-15. So
// conversions between float types and reduce-precision do nothing. What depends on the bits of a value keeps its
// declared type, with conversions around it: bitcast-convert, stochastic-convert, rng, rng-bit-generator, infeed,
// outfeed, and custom-calls, unless they only pass values on or order them (Sharding, TopK, ...).
#pragma once

#include <memory>

#include "ir/module.h"

namespace gshard {

// A widened copy. The entry's parameters, results and layouts change their types in the same way, so arguments have to
// be converted; aliases and donors stay. Layouts lose what follows their dimension order, and custom-calls lose
// operand_layout_constraints.
std::unique_ptr<Module> widen_floats(const Module& module);

// The type of a value in the widened module: f32[8] to f64[8], tuples element by element.
Shape widened(const Shape& shape);

}  // namespace gshard
