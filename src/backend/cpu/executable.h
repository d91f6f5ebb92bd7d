// Fast programs for the CPU at hand.
//
//   const auto program = Executable::compile(module);
//   Literal result = program->run({x, y});
//
// Loops between matrix products are compiled by LLVM, matrix products are oneDNN's, and what neither knows is done by
// the evaluator's kernels. All values that live only inside of a run stand in one arena whose places are fixed at
// compile time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "eval/evaluate.h"
#include "ir/module.h"

namespace gshard::cpu {

struct CompileOptions {
  // For compiling and running; 0 for as many as there are cores.
  int threads = 0;
};

struct StepReport {
  const Instruction* what;  // one of the instructions that it computes; null for copies
  std::string text;
  bool has_steps = false;  // a loop or a conditional, whose work is that of its steps
  // In one run of the step: arithmetic as ops/cost.h counts it, that of dots and convolutions of bf16 apart, and what
  // goes between memory and cores if each array passes once.
  double flops = 0;
  double bf16_flops = 0;
  double bytes = 0;
};

// What one thread did for one step in a run. A step of loops or branches holds those of its steps.
struct Slice {
  size_t step;    // its place in steps()
  int thread;     // 0: the one that called run()
  int64_t begin;  // nanoseconds since the run began
  int64_t end;
};
using Trace = std::vector<Slice>;

class Executable {
 public:
  // Compiles a module that verify() accepts. The executable keeps a copy of it. Throws Error where an op has no meaning
  // here.
  static std::unique_ptr<Executable> compile(const Module& module, const CompileOptions& options = {});
  ~Executable();

  // Runs the entry computation. Arguments that the module may write its results into (input_output_alias) are
  // overwritten where the caller gave the last reference. Several threads may run one executable at the same time.
  // Writes to `trace`, where there is one, what ran when.
  Literal run(std::vector<Literal> arguments, const EvaluateOptions& options = {}, Trace* trace = nullptr) const;

  int64_t arena_bytes() const;
  // What it does, step by step.
  std::vector<StepReport> steps() const;

 private:
  struct State;
  explicit Executable(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gshard::cpu
