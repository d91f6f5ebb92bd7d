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

bool is_parameter(const Instruction* instruction, int64_t number) {
  return instruction->op() == Op::parameter && instruction->attrs<ParameterAttrs>().number == number;
}

}  // namespace

Reducer reducer_of(const Computation& computation) {
  if (computation.parameters().size() != 2 || computation.root() == nullptr) return Reducer::none;
  const Instruction* root = behind_converts(computation.root());
  if (root->operand_count() != 2) return Reducer::none;
  const Instruction* lhs = behind_converts(root->operand(0));
  const Instruction* rhs = behind_converts(root->operand(1));
  const bool straight = is_parameter(lhs, 0) && is_parameter(rhs, 1);
  const bool swapped = is_parameter(lhs, 1) && is_parameter(rhs, 0);
  if (!straight && !swapped) return Reducer::none;
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
