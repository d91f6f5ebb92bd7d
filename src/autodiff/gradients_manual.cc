// Gradients of the edges of manual regions. A value that enters one whole is used by every device, so its cotangent is
// the sum of theirs; of a value that leaves one in copies each device gets its share of the cotangent.
//
// A region may be manual over some axes of the mesh alone. Then devices along these have values of their own, and along
// the others the partitioner cuts what is inside as it does outside.
#include <algorithm>
#include <unordered_set>

#include "autodiff/annotation.h"
#include "autodiff/channel.h"
#include "autodiff/gradients.h"
#include "ir/sharding.h"
#include "ops/build.h"

namespace gshard {
namespace {

constexpr std::string_view kToManual = "SPMDFullToShardShape";
constexpr std::string_view kToAutomatic = "SPMDShardToFullShape";

using SharedSharding = std::shared_ptr<const HloSharding>;

bool says_region(const SharedSharding& sharding) {
  if (sharding == nullptr) return false;
  const auto& subgroups = sharding->subgroups;
  return sharding->kind == HloSharding::Kind::manual ||
         std::find(subgroups.begin(), subgroups.end(), HloSharding::Subgroup::manual) != subgroups.end();
}

// The first sharding that says over which devices a region is manual, among those of `x` and of what it is made of;
// null where none does.
SharedSharding region_of(const Instruction& x) {
  std::vector<const Instruction*> open{&x};
  std::unordered_set<const Instruction*> seen{&x};
  for (size_t i = 0; i < open.size(); ++i) {
    const SharedSharding& sharding = open[i]->notes().sharding;
    if (says_region(sharding)) return sharding;
    for (const Instruction* operand : open[i]->operands()) {
      if (seen.insert(operand).second) open.push_back(operand);
    }
  }
  return nullptr;
}

// The digits over which a region is manual, from a sharding of an array of any rank in it.
DigitSet manual_digits(const HloSharding& region, const Mesh& mesh) {
  const size_t extra = region.subgroups.size() + (region.last_tile_dim_replicate ? 1 : 0);
  const size_t rank = region.kind == HloSharding::Kind::tiled ? region.tiles.dims.size() - extra : 0;
  return from_hlo(region, mesh, rank).manual;
}

// A header that says one partition says nothing of the devices; tilings name them all.
int64_t device_count(const Module& module, std::initializer_list<const HloSharding*> shardings) {
  int64_t count = module.header().num_partitions;
  for (const HloSharding* sharding : shardings) {
    int64_t tiles = 1;
    for (const int64_t dim : sharding->tiles.dims) tiles = saturating_multiply(tiles, dim);
    count = std::max(count, tiles);
  }
  return count;
}

ReplicaGroups replica_groups(TileAssignment groups) {
  if (groups.devices.empty()) return {{}, std::move(groups)};
  ReplicaGroups listed;
  for (size_t i = 0; i < groups.devices.size(); ++i) {
    if (i % static_cast<size_t>(groups.dims[1]) == 0) listed.groups.emplace_back();
    listed.groups.back().push_back(groups.devices[i]);
  }
  return listed;
}

// How a value lies on both sides of an edge.
struct Edge {
  SharedSharding outside;
  SharedSharding inside;
  Mesh mesh;
  Digits copies;  // along which devices of the region hold the same part

  // `whole` and `part` are the value outside of the region and inside.
  Edge(const Pullback& p, const Instruction& whole, const Instruction& part) : outside(whole.notes().sharding) {
    const SharedSharding region = region_of(part);
    if (region == nullptr) p.refuse("nothing says over which devices the region is manual");
    const bool is_known = outside != nullptr &&
                          (outside->kind == HloSharding::Kind::tiled || outside->kind == HloSharding::Kind::replicated);
    if (!is_known) p.refuse("nothing says how the value lies outside of the region");
    const Module& module = *p.walk().computation().parent();
    mesh = find_mesh({outside.get(), region.get()}, device_count(module, {outside.get(), region.get()}));
    Sharding lies = from_hlo(*outside, mesh, whole.shape().rank());
    const DigitSet manual = manual_digits(*region, mesh);
    for (Digit digit = 0; digit < mesh.digits().size(); ++digit) {
      if ((manual & ~lies.cut() & digit_bit(digit)) != 0) copies.push_back(digit);
    }
    inside = says_region(part.notes().sharding) ? part.notes().sharding : without_cuts(std::move(lies), manual);
  }

 private:
  // What lies outside like this, without what the region cuts.
  SharedSharding without_cuts(Sharding lies, DigitSet manual) const {
    for (Digits& digits : lies.dims) digits = within(digits, ~manual);
    lies.manual = manual;
    return std::make_shared<const HloSharding>(to_hlo(lies, mesh));
  }
};

Value entered(Value cotangent, const Shape& part, const Edge& edge) {
  const Value outside = annotation_call("Sharding", cotangent, cotangent.shape(), edge.outside);
  return annotation_call(kToManual, outside, part, edge.inside);
}

Value left(Value cotangent, const Shape& whole, const Edge& edge) {
  const Value inside = annotation_call("Sharding", cotangent, cotangent.shape(), edge.inside);
  return annotation_call(kToAutomatic, inside, whole, edge.outside);
}

Value added_up(Value cotangent, const Edge& edge) {
  if (edge.copies.empty()) return cotangent;
  CollectiveAttrs attrs;
  attrs.channel_id = unused_channel(*cotangent.computation().parent());
  attrs.replica_groups = replica_groups(device_groups(edge.copies, edge.mesh));
  attrs.use_global_device_ids = true;
  return all_reduce({cotangent}, Reducer::add, attrs);
}

}  // namespace

void gradient_manual_edge(Pullback& p) {
  const Shape shape = p.operand(0).shape().without_layout();
  const Instruction& operand = *p.operand(0).instruction();
  if (p.attrs<CustomCallAttrs>().custom_call_target == kToManual) {
    const Edge edge(p, operand, p.instruction());
    return p.give(0, [&] { return left(added_up(p.cotangent(), edge), shape, edge); });
  }
  const Edge edge(p, p.instruction(), operand);
  p.give(0, [&] {
    const Value part = entered(p.cotangent(), shape, edge);
    return edge.copies.empty() ? part : divide(part, edge.mesh.size_of(edge.copies));
  });
}

}  // namespace gshard
