// What each op is to a gradient: one row per opcode, in autodiff/table.cc, which does not compile while a row is
// missing.
//
//   differentiable<gradient_dot>(Op::dot)       the function that brings a cotangent of the result to the operands
//   unary(Op::sine, [](Value ct, Value x, Value) { return multiply(ct, cosine(x)); })
//   flat(Op::floor)                             the result does not move with its operands, or moves in jumps
//   without(Op::infeed, "...")                  an error where a cotangent arrives there, and its reason
#pragma once

#include <string_view>

#include "ir/instruction.h"
#include "ops/value.h"

namespace gshard {

class Pullback;

struct GradientRow {
  Op op;
  // Null for ops that no cotangent passes.
  void (*gradient)(Pullback&) = nullptr;
  // Of a function of one number: from the result's cotangent, the operand and the result to the operand's cotangent.
  Value (*unary)(Value ct, Value x, Value y) = nullptr;
  // Why there is none; empty for ops whose derivative is zero wherever there is one.
  std::string_view refusal = {};
};

const GradientRow& gradient_row_of(Op op);

// Gives the operands of an instruction their cotangents, as the row of `op` says. Throws Error(program) where it has
// none.
void differentiate(Op op, Pullback& p);

inline bool is_flat(Op op) {
  const GradientRow& row = gradient_row_of(op);
  return row.gradient == nullptr && row.unary == nullptr && row.refusal.empty();
}

// The frontend attribute by which an instruction says what gradients do with it.
inline constexpr std::string_view kGradientAttribute = "gshard.gradient";
inline constexpr std::string_view kStop = "stop";            // they take its result to be constant
inline constexpr std::string_view kRecompute = "recompute";  // a call that is done again for the backward pass

bool is_stopped(const Instruction& x);
bool is_recomputed(const Instruction& call);

}  // namespace gshard
