#include "shard/random_annotations.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "ir/sharding.h"
#include "ops/table.h"

namespace gshard {
namespace {

class Annotator {
 public:
  explicit Annotator(uint64_t seed) : engine_(seed), mesh_(random_mesh()) {}

  const Mesh& mesh() const { return mesh_; }

  // Flags of the header: which parameters and results may lie as propagation likes.
  void set_freedom(Module& module) {
    ModuleHeader& header = module.mutable_header();
    header.num_partitions = mesh_.device_count();
    header.allow_spmd_sharding_propagation_to_parameters.clear();
    header.allow_spmd_sharding_propagation_to_output.clear();
    if (one_in(4)) header.allow_spmd_sharding_propagation_to_parameters = {one_in(2)};
    if (one_in(4)) header.allow_spmd_sharding_propagation_to_output = {one_in(2)};
  }

  // Bodies of loops, branches and calls are annotated like the entry; reducers and comparators never.
  void annotate(Computation& computation) {
    for (const auto& instruction : computation.instructions()) {
      instruction->mutable_notes().sharding = nullptr;
      if (instruction->shape().leaf_count() > 0 && chosen(*instruction)) {
        instruction->mutable_notes().sharding = std::make_shared<const HloSharding>(of_shape(instruction->shape()));
      }
      if (!calls(instruction->op())) continue;
      for (Computation* callee : instruction->callees()) annotate(*callee);
    }
  }

 private:
  static bool calls(Op op) { return op == Op::while_ || op == Op::conditional || op == Op::call; }

  int64_t below(int64_t n) { return static_cast<int64_t>(engine_() % static_cast<uint64_t>(n)); }
  bool one_in(int64_t n) { return below(n) == 0; }

  Mesh random_mesh() {
    static const std::vector<std::vector<int64_t>> kAxes = {
        {2},       {3},    {4},  {2, 2}, {6},       {2, 3}, {8}, {2, 4},    {2, 2, 2}, {12}, {3, 4},
        {2, 2, 3}, {4, 2}, {16}, {4, 4}, {2, 2, 4}, {3, 2}, {5}, {2, 3, 2}, {2, 4, 3}, {32}};
    std::vector<MeshAxis> axes;
    int64_t devices = 1;
    for (const int64_t size : kAxes[static_cast<size_t>(below(static_cast<int64_t>(kAxes.size())))]) {
      axes.push_back({std::string(1, static_cast<char>('x' + axes.size())), size});
      devices *= size;
    }
    std::vector<int64_t> order;
    if (one_in(6)) {
      order.resize(static_cast<size_t>(devices));
      std::iota(order.begin(), order.end(), 0);
      std::shuffle(order.begin(), order.end(), engine_);
    }
    return Mesh(std::move(axes), std::move(order));
  }

  bool chosen(const Instruction& instruction) {
    if (instruction.op() == Op::parameter) return !one_in(4);
    if (&instruction == instruction.parent()->root()) return one_in(2);
    return one_in(3);
  }

  HloSharding of_shape(const Shape& shape) {
    HloSharding sharding;
    if (!shape.is_tuple()) return shape.is_array() ? of_array(shape) : sharding;
    sharding.kind = HloSharding::Kind::tuple;
    add_leaves(shape, sharding.elements);
    return sharding;
  }

  void add_leaves(const Shape& shape, std::vector<HloSharding>& elements) {
    if (!shape.is_tuple()) elements.push_back(of_shape(shape));
    for (const Shape& element : shape.elements()) add_leaves(element, elements);
  }

  HloSharding of_array(const Shape& shape) {
    HloSharding hlo;
    if (one_in(25)) return on_one_device();
    if (one_in(25)) return of_kind(dice_kind());
    if (shape.rank() == 0 || one_in(8)) return hlo;
    Sharding sharding = Sharding::replicated(shape.rank());
    std::vector<Digit> digits;
    for (size_t digit = 0; digit < mesh_.digits().size(); ++digit) digits.push_back(static_cast<Digit>(digit));
    if (one_in(3)) std::shuffle(digits.begin(), digits.end(), engine_);
    const bool together = one_in(2);
    size_t dim = random_dim(shape);
    for (const Digit digit : digits) {
      if (!together) dim = random_dim(shape);
      if (!one_in(4)) sharding.dims[dim].push_back(digit);
    }
    hlo = to_hlo(sharding, mesh_);
    if (hlo.kind == HloSharding::Kind::tiled && hlo.tiles.devices.empty() && one_in(5)) spell_out(hlo.tiles);
    return hlo;
  }

  HloSharding of_kind(HloSharding::Kind kind) {
    HloSharding hlo;
    hlo.kind = kind;
    return hlo;
  }

  HloSharding::Kind dice_kind() { return one_in(2) ? HloSharding::Kind::unknown : HloSharding::Kind::unreduced; }

  HloSharding on_one_device() {
    HloSharding hlo = of_kind(HloSharding::Kind::maximal);
    hlo.device = below(mesh_.device_count());
    return hlo;
  }

  // Rarely one of size 0 or 1, which a cut leaves nothing of.
  size_t random_dim(const Shape& shape) {
    const auto rank = static_cast<int64_t>(shape.rank());
    size_t dim = static_cast<size_t>(below(rank));
    for (int tries = 0; tries < 4 && shape.dim(dim) < 2; ++tries) dim = static_cast<size_t>(below(rank));
    return dim;
  }

  // <=[2,3]T(1,0) as the list 0,3,1,4,2,5.
  static void spell_out(TileAssignment& tiles) {
    const Dims strides = row_major_strides(tiles.reshape_dims);
    Dims perm = tiles.transpose_perm;
    if (perm.empty()) {
      perm.resize(strides.size());
      std::iota(perm.begin(), perm.end(), 0);
    }
    const auto rank = perm.size();
    Dims at(rank, 0);
    int64_t count = 1;
    for (const int64_t size : tiles.reshape_dims) count *= size;
    for (int64_t n = 0; n < count; ++n) {
      int64_t device = 0;
      for (size_t d = 0; d < rank; ++d) device += at[d] * strides[static_cast<size_t>(perm[d])];
      tiles.devices.push_back(device);
      for (size_t d = rank; d-- > 0;) {
        if (++at[d] < tiles.reshape_dims[static_cast<size_t>(perm[d])]) break;
        at[d] = 0;
      }
    }
    tiles.reshape_dims.clear();
    tiles.transpose_perm.clear();
  }

  std::mt19937_64 engine_;
  const Mesh mesh_;
};

}  // namespace

std::string annotate_at_random(Module& module, uint64_t seed) {
  Annotator annotator(seed);
  annotator.annotate(*module.entry());
  annotator.set_freedom(module);
  return annotator.mesh().to_string() + (annotator.mesh().device_order().empty() ? "" : " in an order of its own");
}

}  // namespace gshard
