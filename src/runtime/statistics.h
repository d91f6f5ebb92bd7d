// What a module consists of and what it costs to run once on one device.
//
//   Statistics s = statistics_of(module);
//   s.flops                 // 21,400,000,000, the bodies of loops counted as often as they run
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ir/mesh.h"
#include "ir/module.h"

namespace gshard {

struct OpCount {
  Op op;
  int64_t count = 0;  // instructions in the text
  double runs = 0;    // how often they run, with loops
  double flops = 0;   // in all of these
  double transcendentals = 0;
};

struct LargeValue {
  const Instruction* instruction;
  int64_t bytes;
};

struct LoopCount {
  const Instruction* loop;
  std::optional<int64_t> trips;  // absent where they depend on data: its body is counted once then
};

struct CollectiveCount {
  Op op;
  int64_t count = 0;
  double runs = 0;
  double bytes = 0;  // of the operands, in all runs
};

struct NamedMesh {
  std::string name;  // empty for the mesh found in the device lists
  Mesh mesh;
};

struct Statistics {
  int64_t instructions = 0;
  int64_t computations = 0;
  int64_t parameters = 0;
  int64_t parameter_bytes = 0;
  int64_t result_bytes = 0;
  double flops = 0;
  double transcendentals = 0;       // elements of exponential, log, tanh, ..., not among the FLOPs
  std::vector<OpCount> ops;         // by FLOPs, then by count, descending
  std::vector<LargeValue> largest;  // arrays by bytes, descending, without those that are another's elements moved
  std::vector<LoopCount> loops;     // in program order
  std::vector<CollectiveCount> collectives;

  int64_t devices = 1;    // num_partitions of the header
  int64_t annotated = 0;  // instructions with a sharding in either dialect
  std::vector<NamedMesh> meshes;
};

// Of a verified module. At most `largest_count` values are listed as the largest. FLOPs are those of ops/cost.h.
Statistics statistics_of(const Module& module, size_t largest_count = 10);

}  // namespace gshard
