#include "autodiff/selection.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

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
  const Direction direction = x.attrs<CompareAttrs>().direction;
  if (direction == Direction::EQ || direction == Direction::NE) return std::nullopt;
  return direction;
}

// The parts of the two arguments that x is made of.
std::vector<size_t> parts_read(const Instruction& x, size_t count) {
  std::vector<size_t> parts;
  std::vector<const Instruction*> open{&x};
  std::unordered_set<const Instruction*> seen{&x};
  for (size_t i = 0; i < open.size(); ++i) {
    if (open[i]->op() == Op::parameter) {
      parts.push_back(static_cast<size_t>(open[i]->attrs<ParameterAttrs>().number) % count);
    }
    for (const Instruction* operand : open[i]->operands()) {
      if (seen.insert(operand).second) open.push_back(operand);
    }
  }
  return parts;
}

}  // namespace

bool is_larger(Direction direction) { return direction == Direction::GE || direction == Direction::GT; }

bool is_selection(const Computation& combine) {
  return all_parts(combine, [](const Instruction& x, const Instruction* first, const Instruction* second) {
    const bool is_choice = x.op() == Op::select || x.op() == Op::maximum || x.op() == Op::minimum;
    if (!is_choice) return false;
    const auto is_one = [&](const Instruction* operand) { return operand == first || operand == second; };
    return is_one(x.operand(x.operand_count() - 2)) && is_one(x.operand(x.operand_count() - 1));
  });
}

std::vector<size_t> choices_of(const Computation& combine) {
  std::vector<size_t> choices(part_count(combine));
  std::iota(choices.begin(), choices.end(), size_t{0});
  for (size_t k = 0; k < choices.size(); ++k) {
    for (const size_t read : parts_read(*part(combine, k), choices.size())) {
      const size_t kept = std::min(choices[k], choices[read]);
      const size_t joined = std::max(choices[k], choices[read]);
      std::replace(choices.begin(), choices.end(), joined, kept);
    }
  }
  return choices;
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
  const auto direction = direction_of(*x.operand(0), combine.parameter(0), combine.parameter(part_count(combine)));
  // Of one part it is all the same which of two equal ones is chosen.
  if (!direction || part_count(combine) > 1) return direction;
  return is_larger(*direction) ? Direction::GE : Direction::LE;
}

std::optional<Direction> direction_of(const Computation& comparison) {
  return direction_of(*comparison.root(), comparison.parameter(0), comparison.parameter(1));
}

}  // namespace gshard
