// Ops that are neither loops over affine places nor matrix products, as code written by hand.
//
//   %s = (f32[64,1000], s32[64,1000]) sort(%x, %i), dimensions={1}, to_apply=less      rows on as many threads as there
//   are
//
// A routine is made once per instruction and run on arrays in row-major order. Where its work is cut follows from sizes
// alone, so that results do not depend on the number of threads.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "backend/cpu/jit.h"
#include "comm/exchange.h"
#include "ir/module.h"

namespace gshard::cpu {

class Routine {
 public:
  // Leaves of the operands and of the result. No result stands where an operand does.
  struct Arrays {
    std::span<const std::byte* const> operands;
    std::span<std::byte* const> results;
    std::byte* workspace;
  };

  virtual ~Routine() = default;
  // For people: "sort of 64 rows of 1000".
  virtual std::string describe() const = 0;
  // What it needs beside its results; aligned to cache lines.
  virtual int64_t workspace_bytes() const { return 0; }
  // Code that it calls, to be compiled with the kernels of the program.
  virtual std::vector<const Kernel*> kernels() const { return {}; }
  virtual void set_functions(std::span<const KernelFunction>) {}
  // Several threads may run it at the same time, each with its arrays.
  virtual void run(const Arrays& arrays, const ParallelLoop& loop) const = 0;
};

// How much of a result is looked at: the first elements along the dimension of a sort.
struct Wanted {
  int64_t first = INT64_MAX;
};

// The routine for an instruction; null where there is none.
std::unique_ptr<Routine> routine_of(const Instruction& x, const Wanted& wanted = {});

// The parts into which `rows` rows of `work` elementary steps each are cut, so that threads pay.
struct RowParts {
  int64_t rows;
  int64_t step;  // rows of one part
  RowParts(int64_t rows, int64_t work);
  int64_t count() const { return (rows + step - 1) / step; }
  int64_t first(int64_t part) const { return part * step; }
  int64_t end(int64_t part) const { return std::min((part + 1) * step, rows); }
};

}  // namespace gshard::cpu
