// Arguments of a program from, and its results to, an archive of arrays (runtime/array_archive.h).
//
//   std::vector<Literal> arguments = read_arguments("data.npz", module, {});
//   ResultWriter("result.npz").write(result);      // numpy.load("result.npz")["result"]
//
// Which array is which parameter: `x` where the parameter is called %x, `arg0`, `0` or numpy.savez's own `arr_0` by
// its number. The parts of a tuple have their positions appended: `arg0.1`, `x.2.0`. A single .npy file is `arr_0`.
// Results are called `result`, and the parts of a tuple `result.0`, `result.1.2`; tokens are left out.
#pragma once

#include <string>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"
#include "runtime/array_archive.h"

namespace gshard {

struct ReadArguments {
  std::vector<Literal> values;      // one per parameter of the entry computation
  std::vector<std::string> unused;  // names of arrays that are no parameter
};

// Throws Error(program) for a file that cannot be read, and where an array is missing or does not fit, naming the
// parameter, what it was looked for under, and both shapes. Where `defaults` is not empty it has one value per
// parameter, and stands in for what is missing.
ReadArguments read_arguments(const std::string& path, const Module& module, std::vector<Literal> defaults);

// Made before the work whose results it is to write: a path that cannot be written is found out first.
class ResultWriter {
 public:
  // Throws Error(program) where the file cannot be created.
  explicit ResultWriter(const std::string& path) : archive_(path) {}
  // Once. Throws Error(program) where writing fails.
  void write(const Literal& result);

 private:
  ArrayWriter archive_;
};

}  // namespace gshard
