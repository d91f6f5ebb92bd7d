#include "shard/value_table.h"

#include <numeric>

namespace gshard {
namespace {

// Union-find over leaves; the smaller number is the root, so that classes are numbered in program order.
class Unions {
 public:
  explicit Unions(size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0); }
  int32_t find(int32_t a) {
    while (parent_[static_cast<size_t>(a)] != a) {
      int32_t& up = parent_[static_cast<size_t>(a)];
      up = parent_[static_cast<size_t>(up)];
      a = up;
    }
    return a;
  }
  void join(int32_t a, int32_t b) {
    a = find(a);
    b = find(b);
    if (a != b) parent_[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
  }

 private:
  std::vector<int32_t> parent_;
};

void add_leaf_shapes(const Shape& shape, std::vector<const Shape*>& leaves) {
  if (!shape.is_tuple()) leaves.push_back(&shape);
  for (size_t i = 0; i < shape.tuple_size(); ++i) add_leaf_shapes(shape.element(i), leaves);
}

}  // namespace

LeafRange leaves_of_element(const Shape& shape, size_t index) {
  LeafRange range;
  for (size_t i = 0; i < index; ++i) range.first += static_cast<size_t>(shape.element(i).leaf_count());
  range.count = static_cast<size_t>(shape.element(index).leaf_count());
  return range;
}

ValueTable::ValueTable(const Module& module) {
  std::vector<const Shape*> leaf_shapes;
  std::vector<const Instruction*> owners;
  for (const auto& computation : module.computations()) {
    first_instruction_[computation.get()] = first_leaf_.size();
    for (const auto& instruction : computation->instructions()) {
      first_leaf_.push_back(static_cast<int32_t>(leaf_shapes.size()));
      add_leaf_shapes(instruction->shape(), leaf_shapes);
      owners.resize(leaf_shapes.size(), instruction.get());
    }
  }
  first_leaf_.push_back(static_cast<int32_t>(leaf_shapes.size()));

  Unions unions(leaf_shapes.size());
  const auto join = [&](const Instruction& a, size_t a_leaf, const Instruction& b, size_t b_leaf, size_t count) {
    for (size_t i = 0; i < count; ++i) unions.join(leaf_id(a, a_leaf + i), leaf_id(b, b_leaf + i));
  };
  const auto join_all = [&](const Instruction& a, const Instruction& b) { join(a, 0, b, 0, leaf_count(b)); };
  for (const auto& computation : module.computations()) {
    for (const auto& owned : computation->instructions()) {
      const Instruction& i = *owned;
      switch (i.op()) {
        case Op::tuple: {
          size_t leaf = 0;
          for (const Instruction* operand : i.operands()) {
            join(i, leaf, *operand, 0, leaf_count(*operand));
            leaf += leaf_count(*operand);
          }
          break;
        }
        case Op::get_tuple_element: {
          const auto index = static_cast<size_t>(i.attrs<TupleIndexAttrs>().index);
          const LeafRange range = leaves_of_element(i.operand(0)->shape(), index);
          join(i, 0, *i.operand(0), range.first, range.count);
          break;
        }
        case Op::opt_barrier:
        case Op::domain:
          join_all(i, *i.operand(0));
          break;
        case Op::while_:
          for (const Computation* callee : i.callees()) join_all(i, *callee->parameter(0));
          break;
        default:
          break;
      }
    }
  }

  class_.resize(leaf_shapes.size());
  for (size_t leaf = 0; leaf < leaf_shapes.size(); ++leaf) {
    const auto root = static_cast<size_t>(unions.find(static_cast<int32_t>(leaf)));
    if (root == leaf) {
      class_[leaf] = static_cast<ValueClass>(shapes_.size());
      shapes_.push_back(leaf_shapes[leaf]);
      representatives_.push_back(owners[leaf]);
    } else {
      class_[leaf] = class_[root];
    }
  }
}

size_t ValueTable::position_of(const Instruction& instruction) const {
  return first_instruction_.at(instruction.parent()) + instruction.index();
}

int32_t ValueTable::leaf_id(const Instruction& instruction, size_t leaf) const {
  return first_leaf_[position_of(instruction)] + static_cast<int32_t>(leaf);
}

ValueClass ValueTable::class_of(const Instruction& instruction, size_t leaf) const {
  return class_[static_cast<size_t>(leaf_id(instruction, leaf))];
}

size_t ValueTable::leaf_count(const Instruction& instruction) const {
  const size_t position = position_of(instruction);
  return static_cast<size_t>(first_leaf_[position + 1] - first_leaf_[position]);
}

size_t leaf_at(const Shape& shape, const TupleIndex& index) {
  const Shape* at = &shape;
  size_t leaf = 0;
  for (const int64_t element : index) {
    leaf += leaves_of_element(*at, static_cast<size_t>(element)).first;
    at = &at->element(static_cast<size_t>(element));
  }
  return leaf;
}

}  // namespace gshard
