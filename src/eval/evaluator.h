// Inside of the reference evaluator: the walk over instructions, and the kernels that it calls.
//
// Every opcode has one kernel, eval_<op>, declared below for all rows of ir/ops.inc, so a missing one does not link.
// Kernels of one family stand in one file (eval/pointwise.cc, eval/dot.cc, ...).
#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "eval/evaluate.h"

namespace gshard {

class Evaluator {
 public:
  explicit Evaluator(const EvaluateOptions& options);
  ~Evaluator();

  const EvaluateOptions& options() const { return options_; }
  Environment& environment() { return *environment_; }

  // Runs a computation. Values are dropped after their last use, and a kernel gets the last reference to an operand
  // that dies with it, so that it may write into its bytes (Literal::mutable_bytes does not copy then).
  Literal call(const Computation& computation, std::vector<Literal> arguments);

  // Runs a computation over scalars (a reducer, comparator or map body) once for each of `count` elements at once:
  // each argument has shape [count], and so has each result (one per element of the root's tuple, or one).
  // Constants and other values of the body are spread to [count]. Throws Error(program) where an op of the body
  // cannot be run so.
  std::vector<Literal> call_lifted(const Computation& computation, std::vector<Literal> arguments, int64_t count);

  // State of rng and rng-get-and-update-state, and of made-up values: 64 fresh bits, the same sequence for the same seed.
  uint64_t next_random();

 private:
  struct Plan;  // last uses of one computation, made once
  const Plan& plan_of(const Computation& computation);

  EvaluateOptions options_;
  Environment* environment_;
  std::unique_ptr<Environment> own_environment_;
  std::unordered_map<const Computation*, std::unique_ptr<Plan>> plans_;
  uint64_t random_counter_ = 0;
};

// Computes one instruction. `operands` are the kernel's to take apart or overwrite.
using Kernel = Literal (*)(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator);

#define GSHARD_OP(name, keyword) \
  Literal eval_##name(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator);
#include "ir/ops.inc"
#undef GSHARD_OP

Kernel kernel_of(Op op);

// An Error(program) that names the instruction, its op, its place in the text and in the model, and `what`.
Error evaluation_error(const Instruction& instruction, const std::string& what);

}  // namespace gshard
