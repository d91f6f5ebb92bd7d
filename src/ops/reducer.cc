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

// Whether a conversion changes no value, so that combining the results is combining the values.
bool is_widening(DType from, DType to) {
  return from == to || (class_of(from) == class_of(to) && bits_of(from) < bits_of(to) && bits_of(to) >= 32);
}

// What the result is before it is converted back to the type of the parameters, by way of types that hold all of its
// values; nothing where a conversion on the way changes them.
const Instruction* before_conversion(const Instruction* instruction, DType type) {
  while (instruction->op() == Op::convert || instruction->op() == Op::copy) {
    if (!is_widening(type, instruction->shape().type())) return nullptr;
    instruction = instruction->operand(0);
  }
  return is_widening(type, instruction->shape().type()) ? instruction : nullptr;
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
  if (!computation.root()->shape().is_array()) return Reducer::none;
  const Instruction* root = before_conversion(computation.root(), computation.parameters()[0]->shape().type());
  if (root == nullptr || root->operand_count() != 2) return Reducer::none;
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
