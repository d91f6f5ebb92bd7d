// Writing the per-device program: the small pieces that resharding and localisation are made of.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ir/mesh.h"
#include "ir/module.h"
#include "ir/sharding.h"

namespace gshard {

// Element numbers of a dimension from the first to the one after the last; none where it is open.
struct Bounds {
  std::optional<int64_t> first;
  std::optional<int64_t> end;
};

// Of each device, by its number along `digits`, the sum of its places along each of them times the digit's weight.
std::vector<int64_t> weighted_places(const Digits& digits, const Mesh& mesh,
                                     const std::function<int64_t(Digit)>& weight_of);

// What the emitters of all computations of one per-device module share.
class LocalModule {
 public:
  LocalModule(Module& into, const Mesh& mesh);

  Module& module() { return into_; }
  const Mesh& mesh() const { return mesh_; }
  int64_t next_channel() { return next_channel_++; }
  // Of the mesh; null where device i is at position i.
  const std::shared_ptr<const std::vector<int64_t>>& device_order() const { return device_order_; }
  // The replica groups of a collective along some digits, in numbers of replicas x partitions.
  TileAssignment groups_along(const Digits& digits) const;
  // A copy of a computation over scalars (a reducer, a comparator) of the whole program.
  Computation* copied(const Computation& computation);
  // (a, b) -> op(a, b) over scalars.
  Computation* reducer_computation(Reducer reducer, DType type);

 private:
  Module& into_;
  const Mesh& mesh_;
  const std::shared_ptr<const std::vector<int64_t>> device_order_;
  const Mesh with_replicas_;  // replicas as the major axis
  int64_t next_channel_ = 1;
  std::unordered_map<const Computation*, Computation*> copied_;
  std::map<std::pair<Reducer, DType>, Computation*> reducers_;
};

// Appends instructions to one computation of the per-device module. The pieces know shapes and digits, not the plan.
class Emitter {
 public:
  Emitter(Computation& into, LocalModule& program) : into_(into), program_(program), mesh_(program.mesh()) {}

  const Mesh& mesh() const { return mesh_; }
  LocalModule& program() { return program_; }
  Computation& computation() { return into_; }

  // What was added from a place of the computation on comes from the same place of the user's model as `source`.
  void set_source(const Instruction& source, size_t first);
  Instruction* add(Op op, Shape shape, std::initializer_list<Instruction*> operands, Attributes attributes = NoAttrs{});
  Instruction* scalar_s32(int64_t value) { return scalar(DType::s32, value); }
  // A number that the type can hold, as a constant.
  Instruction* scalar(DType type, int64_t value);
  // The value spread over `shape`.
  Instruction* broadcast_scalar(Instruction* scalar, const Shape& shape);
  // The neutral element of a reducer as a scalar of a type.
  Instruction* neutral(Reducer reducer, DType type);
  // Whether a scalar is that one.
  static bool is_neutral(const Instruction& scalar, Reducer reducer);
  // The position of this device along some digits, major to minor, as s32[].
  Instruction* index_along(const Digits& digits);
  // In which the places of so many elements are counted: s32 where it has room for them, else s64.
  static DType place_type(int64_t size);
  // The first element of this device's part along some digits, where each part has `size` elements, as a scalar.
  Instruction* start_along(const Digits& digits, int64_t size, DType type = DType::s32);
  // values[i] on the devices whose index along `digits` is i, as s32[]; any number where there is none.
  Instruction* tabulated(const Digits& digits, std::span<const std::optional<int64_t>> values);

  // The arrays and tokens in a value, in order; and the value with the structure of `shape` made of such leaves.
  std::vector<Instruction*> leaves_of(Instruction* value);
  Instruction* pack(const Shape& shape, const std::vector<Instruction*>& leaves);

  // Exactly `size` elements of a dimension: cut off at the end or padded there with zeros.
  Instruction* resize(Instruction* value, size_t dim, int64_t size);
  // Padded with `fill`, a scalar; with zeros where it is null.
  Instruction* pad(Instruction* value, size_t dim, const PaddingDim& padding, Instruction* fill);
  Instruction* concatenate(const std::vector<Instruction*>& values, size_t dim);
  // `size` elements of a dimension: from `start` on; from starts[i] on where the index along `digits` is i.
  Instruction* slice(Instruction* value, size_t dim, int64_t start, int64_t size);
  Instruction* slice_at(Instruction* value, size_t dim, Instruction* start, int64_t size);
  Instruction* slice_at(Instruction* value, size_t dim, const Digits& digits,
                        std::span<const std::optional<int64_t>> starts, int64_t size);
  // The value with `part` in place of the elements of a dimension from `start` on.
  Instruction* update_at(Instruction* value, Instruction* part, size_t dim, Instruction* start);
  // Which elements of a dimension that begins at `start` (a scalar) lie within the bounds: flags of these sizes.
  Instruction* flags_within(const Dims& dims, size_t dim, Instruction* start, const Bounds& bounds);
  // The others replaced by `fill`, a scalar.
  Instruction* keep_within(Instruction* value, size_t dim, Instruction* start, const Bounds& bounds, Instruction* fill);
  // Elements of `dim` that lie at or beyond `size` in the whole tensor, replaced by `fill` (a scalar).
  Instruction* mask(Instruction* value, size_t dim, const Digits& digits, int64_t size, Instruction* fill);

  // Collectives over the devices that differ along `digits`.
  Instruction* all_reduce(Instruction* value, Reducer reducer, const Digits& digits);
  Instruction* all_gather(Instruction* value, size_t dim, const Digits& digits);
  // The dimension divides by the number of members.
  Instruction* reduce_scatter(Instruction* value, size_t dim, Reducer reducer, const Digits& digits);
  // Cuts dimension `to` over the members and joins their parts along `from`; `to` divides by the number of members.
  Instruction* all_to_all(Instruction* value, size_t from, size_t to, const Digits& digits);
  // To each second index along `digits` what the first one has; zeros where nobody sends.
  Instruction* collective_permute(Instruction* value, const Digits& digits,
                                  std::span<const std::pair<int64_t, int64_t>> pairs);
  // To the device at these places along `to_digits` what the one at the same places along `digits` has. They are the
  // same digits in another order.
  Instruction* change_places(Instruction* value, const Digits& digits, const Digits& to_digits);
  // This device's part of a dimension that all members hold whole; the dimension divides by their number.
  Instruction* local_slice(Instruction* value, size_t dim, const Digits& digits);
  // What the device at a position of one mesh holds goes to the device at that position of the other.
  Instruction* move_between(Instruction* value, const Mesh& from, const Mesh& to);
  // What one device holds, on all.
  Instruction* broadcast_from(Instruction* value, int64_t device);

 private:
  void add_leaves(Instruction* value, std::vector<Instruction*>& leaves);
  Instruction* pack(const Shape& shape, const std::vector<Instruction*>& leaves, size_t& next);
  Instruction* emit_position();
  Instruction* entry_of(std::span<const std::optional<int64_t>> values, Instruction* index);
  Instruction* permute(Instruction* value, std::vector<SourceTargetPairs::Pair> moves,
                       std::vector<SourceTargetPairs::Repeat> repeats);
  std::vector<SourceTargetPairs::Repeat> repeats_along_others(const Digits& digits) const;
  CollectiveAttrs collective_attributes(const Digits& digits);

  Computation& into_;
  LocalModule& program_;
  const Mesh& mesh_;
  Instruction* emit_index(const Digits& digits);
  Instruction* position_ = nullptr;
  // Small scalars that many pieces ask for, made once.
  std::map<std::pair<DType, int64_t>, Instruction*> scalars_;
  std::map<Digits, Instruction*> indices_;
  std::map<std::tuple<Instruction*, int64_t, DType>, Instruction*> starts_;
};

}  // namespace gshard
