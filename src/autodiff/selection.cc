#include "autodiff/selection.h"

#include <algorithm>

namespace gshard {
namespace {

size_t part_count(const Computation& combine) { return combine.parameters().size() / 2; }

const Instruction* part(const Computation& combine, size_t k) {
  const Instruction* root = combine.root();
  return root->op() == Op::tuple ? root->operand(k) : root;
}

template <class Test>
bool all_parts(const Computation& combine, Test test) {
  for (size_t k = 0; k < part_count(combine); ++k) {
    if (!test(*part(combine, k), combine.parameter(k), combine.parameter(part_count(combine) + k))) return false;
  }
  return true;
}

std::optional<Direction> direction_of(const Instruction& x, const Instruction* first, const Instruction* second) {
  if (x.op() != Op::compare || x.operand(0) != first || x.operand(1) != second) return std::nullopt;
  switch (x.attrs<CompareAttrs>().direction) {
    case Direction::GE:
    case Direction::GT:
      return Direction::GE;
    case Direction::LE:
    case Direction::LT:
      return Direction::LE;
    default:
      return std::nullopt;
  }
}

}  // namespace

bool is_selection(const Computation& combine) {
  return all_parts(combine, [](const Instruction& x, const Instruction* first, const Instruction* second) {
    const bool is_choice = x.op() == Op::select || x.op() == Op::maximum || x.op() == Op::minimum;
    if (!is_choice) return false;
    const auto is_one = [&](const Instruction* operand) { return operand == first || operand == second; };
    return is_one(x.operand(x.operand_count() - 2)) && is_one(x.operand(x.operand_count() - 1));
  });
}

std::optional<Direction> order_of(const Computation& combine) {
  const Instruction& x = *part(combine, 0);
  if (part_count(combine) == 1 && is_selection(combine) && x.op() != Op::select) {
    return x.op() == Op::maximum ? Direction::GE : Direction::LE;
  }
  if (x.op() != Op::select) return std::nullopt;
  const bool is_one_choice =
      all_parts(combine, [&](const Instruction& y, const Instruction* first, const Instruction* second) {
        return y.op() == Op::select && y.operand(0) == x.operand(0) && y.operand(1) == first && y.operand(2) == second;
      });
  if (!is_one_choice) return std::nullopt;
  return direction_of(*x.operand(0), combine.parameter(0), combine.parameter(part_count(combine)));
}

std::optional<Direction> direction_of(const Computation& comparison) {
  return direction_of(*comparison.root(), comparison.parameter(0), comparison.parameter(1));
}

}  // namespace gshard
