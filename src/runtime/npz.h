// Arguments from and results to numpy's archives of arrays.
//
//   std::vector<Literal> arguments = read_arguments("data.npz", module, {});
//   ResultWriter("result.npz").write(result);      // numpy.load("result.npz")["result"]
//
// Which array is which parameter: `x` where the parameter is called %x, `arg0`, `0` or numpy.savez's own `arr_0` by
// its number. The parts of a tuple have their positions appended: `arg0.1`, `x.2.0`. A single .npy file is `arr_0`.
// Results are called `result`, and the parts of a tuple `result.0`, `result.1.2`; tokens are left out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"
#include "runtime/zip.h"

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
  ZipWriter archive_;
};

// Arrays under names of their own, of which `wanted` says the shapes; others are passed over. Throws Error(program) for
// a file that cannot be read, and where an array is missing or does not fit.
std::map<std::string, Literal> read_arrays(const std::string& path, const std::map<std::string, Shape>& wanted);

// Writes such an archive, one array after another.
class ArrayWriter {
 public:
  // Throws Error(program) where the file cannot be created.
  explicit ArrayWriter(const std::string& path) : archive_(path) {}
  void add(const std::string& name, const Literal& array);
  // The file stands under its name only then.
  void finish() { archive_.finish(); }

 private:
  ZipWriter archive_;
};

}  // namespace gshard
