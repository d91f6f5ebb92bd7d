// From an annotated module to the program of one device.
//
//   Partitioned p = partition(module);
//   simulate(*p.module, scatter_arguments(p, arguments))
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"
#include "ops/cost.h"
#include "shard/annotate.h"
#include "shard/estimate.h"
#include "shard/propagate.h"
#include "shard/report.h"

namespace gshard {

// One leaf of a parameter or of the result of the whole program.
struct BoundaryValue {
  Shape shape;  // global
  Sharding sharding;
  // As in a Placement: the devices at the positions of the mesh, the only device that has the value.
  std::vector<int64_t> device_order = {};
  std::optional<int64_t> device = {};
  bool operator==(const BoundaryValue&) const = default;
};

// How the values of the whole program lie on the devices of a partitioned one. A partitioned module carries it in its
// header's frontend attributes, so that its text is all that is needed to feed it:
//
//   gshard.mesh="data=2,model=4", gshard.parameters="f32[16,64][data,model];s32[][];", gshard.results="f32[16][data]"
//
// "f32[8][data]@1,0" lies on the devices in that order, "f32[8][-]@=3" on device 3 alone.
struct Boundary {
  Mesh mesh;
  int64_t replicas = 1;
  // For each entry parameter its leaves in order; the leaves of the result.
  std::vector<std::vector<BoundaryValue>> parameters;
  std::vector<BoundaryValue> results;
  bool operator==(const Boundary&) const = default;
};

struct Partitioned : Boundary {
  std::unique_ptr<Module> module;
  std::vector<ReshardRecord> reshards;
  std::vector<TracedValue> trace;
  // What the user should know: an alias that was dropped because its ends lie differently.
  std::vector<std::string> warnings;
  // What the plans take, where that is more memory than the machine has in any that were found.
  std::optional<Estimate> shortage = {};
};

// The shardings of all values of a module.
struct Propagated {
  Mesh mesh;
  ValueTable values;
  ShardingTable shardings;
  std::vector<Sharding> results;  // of the leaves of the entry's result
  std::vector<Spread> spreads;    // how the shardings came about
};

// Completes the shardings of a module. Throws as annotate() does, and where aliased values must lie differently.
Propagated propagate_shardings(const Module& module, const PartitionOptions& options = {});

// Completes the shardings of a module without calls to fuse or inline, and partitions it over the devices that its
// annotations and the options name. Throws Error(program) where an annotation does not fit or an op cannot be
// partitioned.
Partitioned partition(const Module& module, const PartitionOptions& options = {});

// What partition() with these options would take on each device, by the plans that it would choose. Without
// `trip_count` every loop runs once. Throws as partition() does.
Estimate estimate(const Module& module, const PartitionOptions& options = {}, const TripCount& trip_count = {});

// What the header of a partitioned module says. Throws Error(program) where it says nothing.
Boundary boundary_of(const Module& partitioned);

// Arguments of the whole program as arguments of every device, and results of every device as results of the whole
// program. Where the module has replicas, devices are replica * partitions + partition, each replica has the same
// arguments, and the results are the first replica's.
std::vector<std::vector<Literal>> scatter_arguments(const Boundary& program, std::span<const Literal> arguments);
Literal gather_results(const Boundary& program, const Shape& shape, std::span<const Literal> results);

}  // namespace gshard
