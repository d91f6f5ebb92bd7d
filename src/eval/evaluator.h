// Inside of the reference evaluator: the walk over instructions, and the kernels that it calls.
//
// Every opcode has one kernel, eval_<op>, declared below for all rows of ir/ops.inc, so a missing one does not link.
// Kernels of one family stand in one file (eval/pointwise.cc, eval/dot.cc, ...).
#pragma once

#include <array>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "eval/evaluate.h"

namespace gshard {

class LaneProgram;

class Evaluator {
 public:
  explicit Evaluator(const EvaluateOptions& options);
  ~Evaluator();

  const EvaluateOptions& options() const { return options_; }
  Environment& environment() { return *environment_; }

  // Runs a computation. Values are dropped after their last use, and a kernel gets the last reference to an operand
  // that dies with it, so that it may write into its bytes (Literal::is_unique). The same holds for each element of
  // a tuple that get-tuple-element takes out.
  Literal call(const Computation& computation, std::vector<Literal> arguments);

  // Runs a computation over scalars (a reducer, comparator or map body) once for each of `count` elements at once:
  // each argument has shape [count], or [] where it is the same for all, and each result has shape [count] (one per
  // element of the root's tuple, or one).
  std::vector<Literal> call_lifted(const Computation& computation, std::vector<Literal> arguments, int64_t count);
  // The same for raw elements: see eval/lane_program.h.
  LaneProgram& lanes_of(const Computation& computation);
  // call() without telling options().observe.
  Literal call_unobserved(const Computation& computation, std::vector<Literal> arguments);

  // Throws Error(program) where options().stop says so. For kernels that run long.
  void check_stop() const;

  // 64 fresh bits: the same sequence for the same seed.
  uint64_t next_random() { return random_at(random_counter_++); }
  // The 128-bit state of rng-get-and-update-state (low half first): returns it, then adds `delta` to it.
  std::array<uint64_t, 2> advance_random_state(uint64_t delta);

  // The instruction that runs now, or ran when an exception was thrown.
  const Instruction* current() const { return current_; }

 private:
  struct Plan;  // what is known of one computation, made once
  class Frame;  // the values of one running computation
  const Plan& plan_of(const Computation& computation);
  uint64_t random_at(uint64_t index) const;

  EvaluateOptions options_;
  Environment* environment_;
  std::unique_ptr<Environment> own_environment_;
  std::unordered_map<const Computation*, std::unique_ptr<Plan>> plans_;
  std::unordered_map<const Computation*, std::unique_ptr<LaneProgram>> lane_programs_;
  uint64_t random_counter_ = 0;
  std::array<uint64_t, 2> random_state_;
  const Instruction* current_ = nullptr;
  int depth_ = 0;  // of nested calls
  int unobserved_ = 0;
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
