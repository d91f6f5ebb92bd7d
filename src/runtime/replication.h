// Values that an op needs whole on every device although they were cut.
//
//   warning: %rows = gather (model.py:12) needs all of %table f32[50000,4096] on every device, 781 MiB;
//            --annotate 'table=_,x' avoids it
//
// What the author's own layout asks for is none of them: a weight that is annotated to lie in parts, read by an op
// whose work is divided along the same axes (a batch cut by them).
#pragma once

#include <string>
#include <vector>

#include "shard/partition.h"

namespace gshard {

struct Replication {
  const Instruction* value = nullptr;  // both of the module that was partitioned
  const Instruction* cause = nullptr;
  Shape shape;
  Sharding from;
  // What avoids it, as --annotate takes it; empty where no annotation of the value or of what the op makes does.
  std::string annotation;
};

// Those of at least so many bytes, largest first, each value once for an op. Finds the annotations of the first few by
// trying.
std::vector<Replication> replications_of(const Module& prepared, const Partitioned& program,
                                         const PartitionOptions& options, int64_t at_least);

// "%rows = gather (model.py:12) needs all of ..., 781 MiB; --annotate 'table=_,x' avoids it", with the bytes as `size`.
std::string describe(const Replication& replication, const Mesh& mesh, const std::string& size);

}  // namespace gshard
