// What a user noted on a value about its sharding, and the rule that no pass may lose it.
//
//   %y = f32[8] copy(%x), sharding={devices=[2]<=[2]}
//
// Replacing %y by %x would lose the annotation, so its place is taken by
//
//   %sharding.1 = f32[8] custom-call(%x), custom_call_target="Sharding", sharding={devices=[2]<=[2]}
#pragma once

#include <unordered_map>

#include "ir/module.h"

namespace gshard {

// Whether the instruction has a sharding or frontend attributes of its own.
bool is_annotated(const Instruction& instruction);

// Whether both have the same sharding and the same frontend attributes.
bool same_annotation(const Notes& a, const Notes& b);

// Whether a `Sharding` custom-call can take over the annotation: an array with a sharding, in either dialect.
// Frontend attributes that mean something else belong to the instruction that they stand on.
bool is_annotation_movable(const Instruction& instruction);

// Adds `custom-call(value)` to value's computation, with `from`'s annotation and metadata.
// Needs is_annotation_movable(from).
Instruction* add_annotated(Instruction* value, const Instruction& from);

// The value with `sharding` noted on it by `Sharding` custom-calls: on an array, or on each array in a tuple, which is
// taken apart and put together again. `from` is where the annotation stood. Nothing is noted where the sharding says
// nothing (unknown), or on tokens.
Instruction* annotate(Instruction* value, const HloSharding& sharding, const Instruction& from);

// What the sharding of a tuple of this shape says of element i. A tuple's sharding lists those of its leaves in order,
// or is one for all.
HloSharding element_sharding(const Shape& tuple, const HloSharding& sharding, size_t i);

// Shardings of tuples on their way from an instruction, which can then be replaced, to what came in its place.
class TupleShardings {
 public:
  // Whether the instruction is a tuple with a sharding, and nothing else that would hold it where it is.
  static bool can_take(const Instruction& instruction);
  // Takes the sharding off.
  void take(Instruction& instruction);
  // The value with the sharding that was taken off `from`, as annotate() notes it; the value itself where there was
  // none.
  Instruction* put_back(Instruction* value, const Instruction& from) const;

 private:
  std::unordered_map<const Instruction*, std::shared_ptr<const HloSharding>> taken_;
};

// The tuple's shape, and its sharding (which may be null), with only the elements `keep` (ascending) left.
Shape narrowed_shape(const Shape& tuple, const std::vector<size_t>& keep);
std::shared_ptr<const HloSharding> narrowed_sharding(const Shape& tuple,
                                                     const std::shared_ptr<const HloSharding>& sharding,
                                                     const std::vector<size_t>& keep);

// Makes `to` say where it comes from as `from` does, where it says nothing yet: metadata and place in the text.
void inherit_source(Instruction& to, const Instruction& from);

}  // namespace gshard
