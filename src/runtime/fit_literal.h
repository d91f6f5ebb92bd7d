// Values from files, brought to the shape that a program wants.
//
//   Literal x = fit_literal(given, Shape(DType::bf16, {8, 128}), "float32[8,128]");
//
// Any array whose values are all exact in the wanted type (of the same class: boolean, integer, floating, complex) is
// taken.
#pragma once

#include <string_view>

#include "ir/literal.h"

namespace gshard {

// Throws Error(program) that names both shapes, the given one as `given_text`, and the first value that does not fit.
Literal fit_literal(Literal given, const Shape& wanted, std::string_view given_text);

// Bytes of pred that came from outside: all but 0 are 1.
void make_truth_values(Literal& pred);

}  // namespace gshard
