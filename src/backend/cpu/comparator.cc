#include "backend/cpu/comparator.h"

#include <optional>

namespace gshard::cpu {
namespace {

const Instruction* behind_copies(const Instruction* value) {
  while (value->op() == Op::copy) value = value->operand(0);
  return value;
}

// Compares what two values of a comparator are made of.
class Sides {
 public:
  // Whether y is of the right element what x is of the left one.
  bool mirror(const Instruction* x, const Instruction* y) {
    x = behind_copies(x);
    y = behind_copies(y);
    // Values that are read often would be looked at as often.
    if (--patience_ < 0 || x->op() != y->op() || x->shape() != y->shape()) return false;
    if (x->op() == Op::parameter) {
      const int64_t left = x->attrs<ParameterAttrs>().number;
      return left % 2 == 0 && y->attrs<ParameterAttrs>().number == left + 1;
    }
    if (x->operand_count() != y->operand_count() || !x->callees().empty()) return false;
    if (!(x->attributes() == y->attributes())) return false;
    for (size_t i = 0; i < x->operand_count(); ++i) {
      if (!mirror(x->operand(i), y->operand(i))) return false;
    }
    return true;
  }

 private:
  int patience_ = 1000;
};

bool is_total(const Instruction& compare) { return compare.attrs<CompareAttrs>().type == ComparisonType::TOTALORDER; }

// compare(f(a), f(b)) with LT or GT.
std::optional<SortKey> key_of(const Instruction& compare) {
  if (compare.op() != Op::compare) return std::nullopt;
  const Direction direction = compare.attrs<CompareAttrs>().direction;
  if (direction != Direction::LT && direction != Direction::GT) return std::nullopt;
  const bool is_less = direction == Direction::LT;
  const Instruction* x = compare.operand(0);
  const Instruction* y = compare.operand(1);
  if (Sides().mirror(x, y)) return SortKey{behind_copies(x), !is_less, is_total(compare)};
  if (Sides().mirror(y, x)) return SortKey{behind_copies(y), is_less, is_total(compare)};
  return std::nullopt;
}

// Whether `x` asks if two elements have the same key.
bool asks_for_ties(const Instruction& x, const SortKey& key) {
  if (x.op() != Op::compare || x.attrs<CompareAttrs>().direction != Direction::EQ) return false;
  if (is_total(x) != key.total_order) return false;
  const auto are_sides = [&](const Instruction* left, const Instruction* right) {
    return Sides().mirror(left, right) && Sides().mirror(key.value, right);
  };
  return are_sides(x.operand(0), x.operand(1)) || are_sides(x.operand(1), x.operand(0));
}

// The first comparison, the question for ties and what decides about them.
struct Decision {
  const Instruction* first;
  const Instruction* tie;
  const Instruction* rest;
};

std::vector<Decision> decisions_of(const Instruction& x) {
  std::vector<Decision> decisions;
  if (x.op() == Op::select) decisions.push_back({x.operand(2), x.operand(0), x.operand(1)});
  if (x.op() != Op::or_) return decisions;
  for (size_t i = 0; i < 2; ++i) {
    const Instruction* first = behind_copies(x.operand(i));
    const Instruction* both = behind_copies(x.operand(1 - i));
    if (both->op() != Op::and_) continue;
    for (size_t k = 0; k < 2; ++k) decisions.push_back({first, both->operand(k), both->operand(1 - k)});
  }
  return decisions;
}

std::vector<SortKey> keys_behind(const Instruction* x) {
  x = behind_copies(x);
  if (const std::optional<SortKey> key = key_of(*x)) return {*key};
  for (const Decision& decision : decisions_of(*x)) {
    const std::optional<SortKey> key = key_of(*behind_copies(decision.first));
    if (!key || !asks_for_ties(*behind_copies(decision.tie), *key)) continue;
    std::vector<SortKey> keys = keys_behind(decision.rest);
    if (!keys.empty()) keys.insert(keys.begin(), *key);
    return keys;
  }
  return {};
}

}  // namespace

std::vector<SortKey> keys_of(const Computation& comparator) { return keys_behind(comparator.root()); }

}  // namespace gshard::cpu
