// The property that the partitioner is made for: the program of one device, run on all of them, gives what the whole
// program gives.
//
//   Verdict verdict = against_the_whole(*module, arguments, Numbers::exact);
//   EXPECT_EQ(verdict.kind, Verdict::Kind::same) << verdict.text;
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"
#include "shard/partition.h"

namespace gshard {

enum class Numbers : uint8_t {
  widened,   // every float an f64, so that only real differences are seen: 1e-9 of the largest element
  declared,  // the types that the module has, with what roundings in another order may add up to
};

struct Verdict {
  enum class Kind : uint8_t { same, refused, different };
  Kind kind = Kind::same;
  std::string text;  // the refusal, or the first difference with the partitioned program
};

// Partitions an annotated module, verifies the result, prints and reads it, and runs it on virtual devices. What pads
// the shards of the arguments is poison: NaN, or the extremes of an integer type.
Verdict against_the_whole(const Module& module, std::span<const Literal> arguments, Numbers numbers,
                          const PartitionOptions& options = {});

// The same for a program that was partitioned before.
Verdict against_the_whole(const Module& module, const Partitioned& program, std::span<const Literal> arguments,
                          Numbers numbers);

// The arguments of every device, their padding poisoned.
std::vector<std::vector<Literal>> poisoned_arguments(const Boundary& program, std::span<const Literal> arguments);

// The first element of a result that differs, in words. NaN equals NaN; integers must be equal.
std::optional<std::string> find_difference(const Literal& whole, const Literal& parts, Numbers numbers);

}  // namespace gshard
