// A program as it is meant, whole: the truth that partitioned ones are compared with.
//
//   const WholeProgram whole(*module, *prepare(*module));
//   Literal result = whole.run(arguments, options);
//
// One device evaluates it. What no one device can run, replicas and manual regions, runs on all devices of the module's
// mesh, with everything outside of manual regions whole on each of them.
#pragma once

#include <optional>
#include <span>

#include "eval/evaluate.h"
#include "runtime/executable.h"
#include "shard/partition.h"

namespace gshard {

class WholeProgram {
 public:
  // Both modules must live as long as this. `prepared` is prepare(module). Throws Error(program) where the program can
  // neither be run on one device nor partitioned.
  WholeProgram(const Module& module, const Module& prepared);

  // The whole result. The arguments are of the parameters' types, for run_widened() with every float an f64.
  Literal run(std::span<const Literal> arguments, const EvaluateOptions& options) const;
  Literal run_widened(std::span<const Literal> arguments, const EvaluateOptions& options) const;

  // What run() evaluates, compiled.
  Executable executable(const DeviceOptions& options = {}) const;

  bool runs_on_one_device() const { return !on_all_; }
  // The program of all devices where one cannot run it, with its trace.
  const Partitioned& on_all_devices() const { return *on_all_; }
  // The module with every float an f64.
  const Module& widened_module() const { return *wide_; }

 private:
  const Module& module_;
  std::unique_ptr<Module> wide_;
  std::optional<Partitioned> on_all_;
  std::optional<Partitioned> wide_on_all_;
};

// As many devices as a partitioned program is for.
Devices devices_of(const Boundary& program, const DeviceOptions& options = {});

// The same program with every float an f64.
Partitioned widened(const Partitioned& program);

// Runs a partitioned program on virtual devices; the whole result, of type `shape`.
Literal run_partitioned(const Partitioned& program, const Shape& shape, std::span<const Literal> arguments,
                        const EvaluateOptions& options);

}  // namespace gshard
