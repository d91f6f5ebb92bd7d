// How long a program takes on the CPU backend, and where.
//
//   const auto compile = [&] { return cpu::Executable::compile(*prepare(module)); };
//   Timing timing = time_program(compile, {arguments}, {.repeat = 20});
//   timing.median()                                  // seconds of a run
//   work_by(timing, operation_of)                    // the table of `gshard profile`
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/cpu/executable.h"
#include "eval/evaluate.h"
#include "ir/module.h"

namespace gshard {

struct TimingOptions {
  // Timed runs; 0 for as many as fit into about a second, 5 at least.
  uint64_t repeat = 0;
  EvaluateOptions evaluation = {};
};

struct Timing {
  std::unique_ptr<cpu::Executable> program;
  double compile_seconds = 0;
  std::vector<double> seconds;  // of the timed runs, ascending
  std::vector<cpu::StepReport> steps;
  cpu::Trace trace;  // of a run of its own
  int64_t argument_bytes = 0;
  int64_t result_bytes = 0;
  int64_t peak_bytes = 0;  // of the process, when it was timed

  double median() const;
};

// Calls `compile` and runs what it made on the arguments of each device: once to warm up, then timed, then traced.
Timing time_program(const std::function<std::unique_ptr<cpu::Executable>()>& compile,
                    const std::vector<std::vector<Literal>>& arguments, const TimingOptions& options = {});

// What some steps did in the traced run, on all devices.
struct Work {
  std::string name;
  int64_t runs = 0;
  double seconds = 0;  // on the threads that run the steps, summed over the devices
  double flops = 0;
  double bf16_flops = 0;  // of dots and convolutions of bf16, among them
  double bytes = 0;
};

// The work of all steps with the same name, the longest first.
std::vector<Work> work_by(const Timing& timing, const std::function<std::string(const cpu::StepReport&)>& name);
Work total_work(const Timing& timing);

// "dot", "kernel add" for loops that end in an addition, "copy".
std::string operation_of(const cpu::StepReport& step);
// The place_in_model() of the step; empty where it has none.
std::string place_of(const cpu::StepReport& step);

}  // namespace gshard
