// From an annotated module to the program of one device.
//
//   Partitioned p = partition(module);
//   simulate(*p.module, scatter_arguments(p, arguments))
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"
#include "ir/sharding.h"

namespace gshard {

// One array leaf of a parameter or of the result of the whole program.
struct BoundaryValue {
  Shape shape;  // global
  Sharding sharding;
};

struct Partitioned {
  std::unique_ptr<Module> module;
  Mesh mesh;
  // For each entry parameter its array leaves in order; the leaves of the result.
  std::vector<std::vector<BoundaryValue>> parameters;
  std::vector<BoundaryValue> results;
};

// Completes the shardings of a module and partitions it over the devices that its annotations name (num_partitions of
// its header). Throws Error(program) where an annotation does not fit or an op cannot be partitioned.
Partitioned partition(const Module& module);

// Arguments of the whole program as arguments of every device, and results of every device as results of the whole
// program.
std::vector<std::vector<Literal>> scatter_arguments(const Partitioned& program, std::span<const Literal> arguments);
Literal gather_results(const Partitioned& program, const Shape& shape, std::span<const Literal> results);

}  // namespace gshard
