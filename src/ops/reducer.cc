#include "ops/reducer.h"

#include <array>

namespace gshard {
namespace {

struct ReducerRow {
  Reducer reducer;
  Op op;
};

constexpr std::array kReducers = {
    ReducerRow{Reducer::add, Op::add},     ReducerRow{Reducer::mul, Op::multiply},
    ReducerRow{Reducer::max, Op::maximum}, ReducerRow{Reducer::min, Op::minimum},
    ReducerRow{Reducer::and_, Op::and_},   ReducerRow{Reducer::or_, Op::or_},
    ReducerRow{Reducer::xor_, Op::xor_},
};

const Instruction* behind_converts(const Instruction* instruction) {
  while (instruction->op() == Op::convert || instruction->op() == Op::copy) instruction = instruction->operand(0);
  return instruction;
}

// Whether a conversion changes no value, so that combining the results is combining the values.
bool is_widening(DType from, DType to) {
  return from == to || (class_of(from) == class_of(to) && bits_of(from) < bits_of(to) && bits_of(to) >= 32);
}

bool is_parameter(const Instruction* instruction, int64_t number) {
  while (instruction->op() == Op::convert || instruction->op() == Op::copy) {
    const Instruction* operand = instruction->operand(0);
    if (!is_widening(operand->shape().type(), instruction->shape().type())) return false;
    instruction = operand;
  }
  return instruction->op() == Op::parameter && instruction->attrs<ParameterAttrs>().number == number;
}

}  // namespace

Reducer reducer_of(const Computation& computation) {
  if (computation.parameters().size() != 2 || computation.root() == nullptr) return Reducer::none;
  const Instruction* root = behind_converts(computation.root());
  if (root->operand_count() != 2) return Reducer::none;
  const Instruction* lhs = root->operand(0);
  const Instruction* rhs = root->operand(1);
  const bool straight = is_parameter(lhs, 0) && is_parameter(rhs, 1);
  const bool swapped = is_parameter(lhs, 1) && is_parameter(rhs, 0);
  if (!straight && !swapped) return Reducer::none;
  if (root->op() == Op::call || root->op() == Op::fusion) return reducer_of(*root->callees()[0]);
  for (const ReducerRow& row : kReducers) {
    if (row.op == root->op()) return row.reducer;
  }
  return Reducer::none;
}

Op op_of(Reducer reducer) {
  for (const ReducerRow& row : kReducers) {
    if (row.reducer == reducer) return row.op;
  }
  GSHARD_CHECK(false, "no op combines values under Reducer::none");
}

}  // namespace gshard
