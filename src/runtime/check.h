// Whether a partitioned program computes what the whole one does.
//
//   CheckReport report = check(module);
//   report.passed()                       // every output of N virtual devices equals that of one
//
// Both run on the same random arguments: on random_arguments(), and where an output says nothing on those (it is
// constant, or not finite) on further ones of both signs too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/compare.h"
#include "runtime/devices.h"
#include "runtime/replay.h"
#include "shard/partition.h"

namespace gshard {

enum class CheckedTypes : uint8_t {
  widened,   // both sides in f64 (integers as declared): equal up to CheckOptions::tolerance
  declared,  // both sides in the declared types, judged by their errors against the whole program in f64
};

// What is wrong with an output.
enum class Finding : uint8_t {
  none,
  different,
  undecided,  // integers that differ, of which rounding changes too many in the whole program too
  non_finite,
  constant,
};

struct CheckOptions {
  uint64_t seed = 0;  // of the arguments, and of constants that the text left out
  CheckedTypes types = CheckedTypes::widened;
  // What the devices run on, and with CheckedTypes::declared the whole program too. In f64 the evaluator is done before
  // a program is compiled.
  Backend backend = Backend::reference;
  // Of products on Backend::cpu, on both sides.
  cpu::MatmulPrecision precision = cpu::MatmulPrecision::f32;
  double tolerance = 1e-9;
  // An output of which more than this share is NaN or infinite proves nothing: in f64, and with CheckedTypes::declared
  // in the declared types too.
  double most_non_finite = 0.01;
  // Whether intermediate values are compared although the outputs are equal (only with CheckedTypes::widened).
  bool every_value = false;
  std::vector<Finding> allowed;  // non_finite, constant
  PartitionOptions partition;
};

// One array of the result.
struct OutputCheck {
  std::string name;  // "result.1"
  Shape shape;       // declared
  Comparison comparison;
  Content content;
  bool is_dependent = true;  // on the arguments: see runtime/dependence.h
  // Of CheckedTypes::declared, against f64: the RoundingErrors (of integers the shares that are wrong), and what the
  // partitioned one may be.
  double whole_error = 0;
  double parts_error = 0;
  double allowed_error = 0;
  Finding finding = Finding::none;
};

struct CheckReport {
  std::unique_ptr<Module> prepared;  // what was partitioned
  Partitioned program;
  std::vector<OutputCheck> outputs;
  // Where outputs differ, with CheckedTypes::widened: the first value that does.
  std::optional<ValueDifference> fault;
  // Decisions that fell otherwise on the devices at a real tie, which the whole program was made to follow.
  std::vector<ValueDifference> ties;
  int trials = 0;  // how many sets of arguments were needed

  bool passed() const;
  // Of all outputs.
  double largest_error() const;
};

// Throws Error where the module cannot be partitioned or run.
CheckReport check(const Module& module, const CheckOptions& options = {});
// The same where `module`, all of whose constants have values, was prepared and partitioned before.
CheckReport check(const Module& module, std::unique_ptr<Module> prepared, Partitioned program,
                  const CheckOptions& options = {});

}  // namespace gshard
