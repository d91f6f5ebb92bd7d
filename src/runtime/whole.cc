#include "runtime/whole.h"

#include <algorithm>

#include "eval/simulate.h"
#include "shard/annotation_calls.h"
#include "transform/widen_floats.h"

namespace gshard {
namespace {

bool needs_devices(const Module& module) {
  if (module.header().replica_count > 1) return true;
  for (const auto& computation : module.computations()) {
    const auto& all = computation->instructions();
    if (std::any_of(all.begin(), all.end(), [](const auto& x) { return is_to_manual_call(*x); })) return true;
  }
  return false;
}

}  // namespace

WholeProgram::WholeProgram(const Module& module, const Module& prepared)
    : module_(module), wide_(widen_floats(module)) {
  if (!needs_devices(module)) return;
  PartitionOptions options;
  options.shardings = PartitionOptions::Shardings::replicated;
  on_all_ = partition(prepared, options);
  wide_on_all_ = widened(*on_all_);
}

Literal WholeProgram::run(std::span<const Literal> arguments, const EvaluateOptions& options) const {
  if (on_all_) return run_partitioned(*on_all_, module_.entry()->root()->shape(), arguments, options);
  return evaluate(module_, arguments, options);
}

Literal WholeProgram::run_widened(std::span<const Literal> arguments, const EvaluateOptions& options) const {
  if (wide_on_all_) return run_partitioned(*wide_on_all_, wide_->entry()->root()->shape(), arguments, options);
  return evaluate(*wide_, arguments, options);
}

Executable WholeProgram::executable(const DeviceOptions& options) const {
  if (on_all_) return Executable(devices_of(*on_all_, options), *on_all_);
  return Executable(Devices(1, options), module_);
}

Devices devices_of(const Boundary& program, const DeviceOptions& options) {
  return Devices(program.mesh.device_count() * program.replicas, options);
}

Partitioned widened(const Partitioned& program) {
  Partitioned wide;
  static_cast<Boundary&>(wide) = program;
  wide.module = widen_floats(*program.module);
  const auto widen = [](std::vector<BoundaryValue>& values) {
    for (BoundaryValue& value : values) value.shape = widened(value.shape);
  };
  for (auto& parameter : wide.parameters) widen(parameter);
  widen(wide.results);
  return wide;
}

Literal run_partitioned(const Partitioned& program, const Shape& shape, std::span<const Literal> arguments,
                        const EvaluateOptions& options) {
  return gather_results(program, shape, simulate(*program.module, scatter_arguments(program, arguments), options));
}

}  // namespace gshard
