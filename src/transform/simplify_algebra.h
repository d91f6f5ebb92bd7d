// simplify-algebra: values that a simpler instruction, or one that is there already, computes as well.
//
//   %y = f32[8] subtract(%x, broadcast(0))       is %x
//   %t = f32[8,4] transpose(%u), %u = f32[4,8] transpose(%x)       %t is %x
//
// The rules are exact: every element keeps its bits, whatever it is (only which of many NaNs it is is left open). So
// x + 0 stays for floats, where x may be -0, and so does x * 0, where x may be NaN.
//
// The arithmetic stands in one table of terms (simplify_algebra.cc); what depends on dimensions and attributes is one
// function per claim, in a table by op: algebra of shapes in rules_of_shapes.cc, the rest in rules_of_values.cc.
#pragma once

#include <optional>
#include <span>

#include "ir/module.h"
#include "transform/term.h"

namespace gshard {

bool simplify_algebra(Module& module);

std::span<const AlgebraRule> rules_of_algebra();

// A value that can stand for the instruction, made as transform/rewrite.h says; null where the rule does not apply.
struct OpRule {
  Op op;
  Instruction* (*apply)(Instruction& x);
};

std::span<const OpRule> rules_of_shapes();
std::span<const OpRule> rules_of_values();

}  // namespace gshard
