// Fast programs for the CPU at hand.
//
//   const auto program = Executable::compile(module);
//   Literal result = program->run({x, y});
//
//   // A partitioned module: compiled once, run by as many devices as its header says.
//   const auto program = Executable::compile(*partitioned.module, {.grid = grid_of(*partitioned.module)});
//   std::vector<Literal> results = program->run_all(scatter_arguments(partitioned, arguments));
//
// Loops between matrix products are compiled by LLVM, matrix products are oneDNN's, and what neither knows is done by
// the evaluator's kernels. All values that live only inside of a run stand in one arena whose places are fixed at
// compile time. A device is a thread; those of one process share the cores through one pool of sleeping threads.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/cpu/precision.h"
#include "eval/collectives.h"
#include "eval/evaluate.h"
#include "ir/module.h"

namespace gshard::cpu {

class Pool;

struct CompileOptions {
  // For compiling and running; 0 for as many as there are cores.
  int threads = 0;
  // That run it; null for as many of its own as `threads` says.
  std::shared_ptr<Pool> pool = nullptr;
  // Of the devices that run the program together. One is alone: its collectives have one participant.
  DeviceGrid grid = {};
  MatmulPrecision precision = MatmulPrecision::f32;
  // run() throws Error(program) where an instruction makes the first NaN, and names it. Nothing is fused, which is
  // slow.
  bool check_nans = false;
};

// Where a device finds its arguments and puts its results, leaf by leaf; null for tokens. Arguments are only read, but
// for those that results are written into: the place of such a result is its argument's.
struct DeviceMemory {
  std::vector<std::byte*> arguments;
  std::vector<std::byte*> results;
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

// The values that live when the arena holds most, the largest first. Where one is overwritten by another that takes its
// place, the first is named.
struct MemoryPeak {
  struct Value {
    const Instruction* what;
    Shape shape;
    int64_t bytes;
  };
  int64_t bytes = 0;
  std::vector<Value> values;
};

// What one thread did for one step in a run. A step of loops or branches holds those of its steps.
struct Slice {
  size_t step;    // its place in steps()
  int thread;     // 0: the device's own
  int64_t begin;  // nanoseconds since the run began
  int64_t end;
  int64_t device;
};
using Trace = std::vector<Slice>;

class Executable {
 public:
  // Compiles a module that verify() accepts. The executable keeps a copy of it. Throws Error where an op has no meaning
  // here.
  static std::unique_ptr<Executable> compile(const Module& module, const CompileOptions& options = {});
  ~Executable();

  // Runs the entry computation on one device. Arguments that the module may write its results into
  // (input_output_alias) are overwritten where the caller gave the last reference. Several threads may run one
  // executable at the same time. Writes to `trace`, where there is one, what ran when.
  Literal run(std::vector<Literal> arguments, const EvaluateOptions& options = {}, Trace* trace = nullptr) const;
  // On all devices of the grid, each with its arguments; device = replica * partitions + partition. A device that fails
  // stops the others, and its error is thrown; devices that wait for each other at different collectives are an
  // Error(program) that names both.
  std::vector<Literal> run_all(std::vector<std::vector<Literal>> arguments, const EvaluateOptions& options = {},
                               Trace* trace = nullptr) const;
  // The same on memory that is the caller's: nothing is copied, and nothing allocated but in the first run.
  void run_in(std::span<const DeviceMemory> devices, const EvaluateOptions& options = {}, Trace* trace = nullptr) const;

  const DeviceGrid& grid() const;
  // By leaf of the result: the leaf of the parameters whose memory it is written into; -1 for none.
  const std::vector<int>& donors() const;
  // Of each device.
  int64_t arena_bytes() const;
  // When most is held on the way.
  MemoryPeak peak() const;
  // What it does, step by step.
  std::vector<StepReport> steps() const;

 private:
  struct State;
  explicit Executable(std::unique_ptr<State> state);
  std::vector<Literal> make_results(const Shape& shape, std::vector<Literal>& arguments) const;
  DeviceMemory memory_of(const std::vector<Literal>& arguments, std::vector<Literal>& results) const;
  std::unique_ptr<State> state_;
};

}  // namespace gshard::cpu
