// Numbers for all array values of a module, and which of them are one value under several names.
//
// Every leaf (an array or a token) of every instruction's result is a value. Tuples and get-tuple-elements only rename
// values; the state of a while loop has one sharding inside and outside. Values that must share one sharding are one
// class; side tables of the partitioner are vectors indexed by the class.
//
//   %t = (f32[8], s32[]) tuple(%a, %b)    %x = f32[8] get-tuple-element(%t), index=0
//
// class_of(t, 0) == class_of(a, 0) == class_of(x, 0).
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "ir/module.h"

namespace gshard {

using ValueClass = int32_t;

class ValueTable {
 public:
  // The module is not changed while the table lives.
  explicit ValueTable(const Module& module);

  size_t class_count() const { return shapes_.size(); }
  ValueClass class_of(const Instruction& instruction, size_t leaf = 0) const;
  // Number of leaves of an instruction's result.
  size_t leaf_count(const Instruction& instruction) const;
  // The type of the values of a class.
  const Shape& shape_of(ValueClass value) const { return *shapes_[static_cast<size_t>(value)]; }
  // The value that stands for the class in messages: the first in program order.
  const Instruction& representative(ValueClass value) const { return *representatives_[static_cast<size_t>(value)]; }

  // Position of an instruction among all of the module.
  size_t position_of(const Instruction& instruction) const;
  size_t instruction_count() const { return first_leaf_.size() - 1; }

 private:
  int32_t leaf_id(const Instruction& instruction, size_t leaf) const;

  std::unordered_map<const Computation*, size_t> first_instruction_;
  std::vector<int32_t> first_leaf_;
  std::vector<ValueClass> class_;  // by leaf
  std::vector<const Shape*> shapes_;
  std::vector<const Instruction*> representatives_;
};

// Position of the first leaf of element `index` among the leaves of the tuple `shape`, and their number.
struct LeafRange {
  size_t first = 0;
  size_t count = 0;
};
LeafRange leaves_of_element(const Shape& shape, size_t index);
// The number of the first leaf at a position in a nested tuple.
size_t leaf_at(const Shape& shape, const TupleIndex& index);

}  // namespace gshard
