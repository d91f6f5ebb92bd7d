// Writing the per-device program: the small pieces that resharding and localisation are made of.
#pragma once

#include <unordered_map>

#include "ir/mesh.h"
#include "ir/module.h"
#include "ir/sharding.h"

namespace gshard {

// Appends instructions to one computation of the per-device module. The pieces know shapes and digits, not the plan.
class Emitter {
 public:
  // `next_channel` is shared by all emitters of a module, so that channel ids are unique in it.
  Emitter(Computation& into, const Mesh& mesh, int64_t& next_channel)
      : into_(into), mesh_(mesh), next_channel_(next_channel) {}

  const Mesh& mesh() const { return mesh_; }
  Computation& computation() { return into_; }

  Instruction* add(Op op, Shape shape, std::initializer_list<Instruction*> operands, Attributes attributes = NoAttrs{});
  Instruction* scalar_s32(int64_t value);
  // The value spread over `shape`.
  Instruction* broadcast_scalar(Instruction* scalar, const Shape& shape);
  // An index beyond every dimension.
  Instruction* out_of_range(DType type);
  // The neutral element of a reducer as a scalar of a type.
  Instruction* neutral(Reducer reducer, DType type);
  // The position of this device along some digits, major to minor, as s32[].
  Instruction* index_along(const Digits& digits);

  // Exactly `size` elements of a dimension: cut off at the end or padded there with zeros.
  Instruction* resize(Instruction* value, size_t dim, int64_t size);
  // Elements of `dim` that lie at or beyond `size` in the whole tensor, replaced by `fill` (a scalar).
  Instruction* mask(Instruction* value, size_t dim, const Digits& digits, int64_t size, Instruction* fill);

  // Collectives over the devices that differ along `digits`.
  Instruction* all_reduce(Instruction* value, Reducer reducer, const Digits& digits);
  Instruction* all_gather(Instruction* value, size_t dim, const Digits& digits);
  // The dimension divides by the number of members.
  Instruction* reduce_scatter(Instruction* value, size_t dim, Reducer reducer, const Digits& digits);
  // Cuts dimension `to` over the members and joins their parts along `from`; `to` divides by the number of members.
  Instruction* all_to_all(Instruction* value, size_t from, size_t to, const Digits& digits);
  // This device's part of a dimension that all members hold whole; the dimension divides by their number.
  Instruction* local_slice(Instruction* value, size_t dim, const Digits& digits);

 private:
  CollectiveAttrs collective_attributes(const Digits& digits);
  Computation* reducer_computation(Reducer reducer, DType type);

  Computation& into_;
  const Mesh& mesh_;
  int64_t& next_channel_;
  Instruction* partition_ = nullptr;
};

}  // namespace gshard
