// Gradients of the edges of manual regions. A value that enters one whole is used by every device, so its cotangent is
// the sum of theirs; of a value that leaves one in copies each device gets its share of the cotangent.
#include "autodiff/annotation.h"
#include "autodiff/channel.h"
#include "autodiff/gradients.h"
#include "ops/build.h"

namespace gshard {
namespace {

constexpr std::string_view kToManual = "SPMDFullToShardShape";
constexpr std::string_view kToAutomatic = "SPMDShardToFullShape";

using SharedSharding = std::shared_ptr<const HloSharding>;

SharedSharding manual_everywhere() {
  HloSharding sharding;
  sharding.kind = HloSharding::Kind::manual;
  return std::make_shared<const HloSharding>(std::move(sharding));
}

// The devices in groups that hold copies of each other's parts.
TileAssignment copies_in(const HloSharding& sharding, int64_t devices) {
  if (sharding.kind == HloSharding::Kind::replicated) return {{1, devices}, {devices}, {}, {}};
  TileAssignment groups = sharding.tiles;
  const int64_t copies = sharding.last_tile_dim_replicate ? sharding.tiles.dims.back() : 1;
  groups.dims = {devices / copies, copies};
  return groups;
}

ReplicaGroups replica_groups(const TileAssignment& groups) {
  if (groups.devices.empty()) return {{}, groups};
  ReplicaGroups listed;
  for (size_t i = 0; i < groups.devices.size(); ++i) {
    if (i % static_cast<size_t>(groups.dims[1]) == 0) listed.groups.emplace_back();
    listed.groups.back().push_back(groups.devices[i]);
  }
  return listed;
}

// How the value lies outside of the region: it is noted on the call that leaves it, and on what enters it.
const SharedSharding& outside_sharding(const Pullback& p, const Instruction& noted_on) {
  const auto& sharding = noted_on.notes().sharding;
  const bool is_known = sharding != nullptr && sharding->subgroups.empty() &&
                        (sharding->kind == HloSharding::Kind::tiled || sharding->kind == HloSharding::Kind::replicated);
  if (!is_known) p.refuse("only regions that are manual over the whole mesh have one, and this says no tiling");
  return sharding;
}

Value enter(Value cotangent, const Shape& part, const SharedSharding& sharding) {
  const Value outside = annotation_call("Sharding", cotangent, cotangent.shape(), sharding);
  return annotation_call(kToManual, outside, part, manual_everywhere());
}

Value leave(Value cotangent, const Shape& whole, const SharedSharding& sharding) {
  const Value inside = annotation_call("Sharding", cotangent, cotangent.shape(), manual_everywhere());
  return annotation_call(kToAutomatic, inside, whole, sharding);
}

}  // namespace

void gradient_manual_edge(Pullback& p) {
  Module& module = *p.walk().computation().parent();
  const bool enters = p.attrs<CustomCallAttrs>().custom_call_target == kToManual;
  const SharedSharding& sharding = outside_sharding(p, enters ? *p.instruction().operand(0) : p.instruction());
  const TileAssignment copies = copies_in(*sharding, module.header().num_partitions);
  const Shape shape = p.operand(0).shape().without_layout();
  p.give(0, [&] {
    if (!enters) {
      const Value part = enter(p.cotangent(), shape, sharding);
      return copies.dims[1] == 1 ? part : divide(part, copies.dims[1]);
    }
    CollectiveAttrs attrs;
    attrs.channel_id = unused_channel(module);
    attrs.replica_groups = replica_groups(copies);
    attrs.use_global_device_ids = true;
    const Value part = copies.dims[1] == 1 ? p.cotangent() : all_reduce({p.cotangent()}, Reducer::add, attrs);
    return leave(part, shape, sharding);
  });
}

}  // namespace gshard
