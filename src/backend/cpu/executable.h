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
};

class Executable {
 public:
  // Compiles a module that verify() accepts. The executable keeps a copy of it. Throws Error where an op has no meaning
  // here.
  static std::unique_ptr<Executable> compile(const Module& module, const CompileOptions& options = {});
  ~Executable();

  // Runs the entry computation. Arguments that the module may write its results into (input_output_alias) are
  // overwritten where the caller gave the last reference. Several threads may run one executable at the same time.
  Literal run(std::vector<Literal> arguments, const EvaluateOptions& options = {}) const;

  int64_t arena_bytes() const;
  // What it does, step by step.
  std::vector<StepReport> steps() const;

 private:
  struct State;
  explicit Executable(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gshard::cpu
