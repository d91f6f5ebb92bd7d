// Reading what a module says about shardings, in either dialect and from outside, onto one mesh.
//
// The mesh is the module's Shardy mesh, or the coarsest one in which all its tilings are lists of axes. Options may
// resize its axes; every sharding is then the same list of axes as before.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "shard/machine.h"
#include "shard/placement.h"
#include "shard/sharding_table.h"

namespace gshard {

// "PATTERN=data,_,model+x": values whose name or op_name in the metadata matches the pattern ('*' any text, '?' any
// character) are cut so: per dimension the axes joined by '+', '_' for none, '?' for whatever propagation makes of it.
struct OutsideAnnotation {
  std::string pattern;
  std::vector<std::string> dims;
};

// Throws Error(usage).
OutsideAnnotation parse_annotation(const std::string& text);
// "fsdp=4,tensor=2". Throws Error(usage).
std::vector<MeshAxis> parse_mesh(const std::string& text);

struct PartitionOptions {
  // New sizes of axes of the module's mesh; the whole mesh of a module that has none.
  std::vector<MeshAxis> mesh;
  // The new size of the one axis that is not of size 1.
  std::optional<int64_t> devices;
  std::vector<OutsideAnnotation> annotations;
  // By whose speeds plans are chosen.
  Machine machine = known_machines()[0];
  // Everything outside of manual regions whole on every device: what the partitioned program is compared with where a
  // module has manual regions, which no single device can run.
  enum class Shardings { propagated, replicated } shardings = Shardings::propagated;
};

struct Annotated {
  Mesh mesh;
  ShardingTable shardings;
  // Of the leaves of the entry's result, where the root itself is annotated.
  std::vector<std::optional<Sharding>> results;
  // Leaves of the entry's parameters and result that lie otherwise than in the order of the mesh.
  std::map<std::pair<const Instruction*, size_t>, Placement> parameter_placements;
  std::map<size_t, Placement> result_placements;
  // How the operands of a call that enters a manual region lie outside of it, and the results of one that leaves it.
  std::unordered_map<const Instruction*, std::vector<Sharding>> manual_edges;
  // Values that share one sharding (shard_as, shard_like).
  std::vector<std::vector<ValueClass>> groups;
};

// Throws Error(program), located, where an annotation does not fit its value or the mesh, or where the two dialects
// disagree about a value; Error(usage) where the options do not fit the module.
Annotated annotate(const Module& module, const ValueTable& values, const PartitionOptions& options);

}  // namespace gshard
