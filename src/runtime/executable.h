// A program on devices: compiled once, run step by step on values that stay where they are.
//
// A training loop. The module takes two weights and a batch and returns the two weights, aliased with those that it
// took (input_output_alias), and a loss:
//
//   const Devices devices(8);
//   const Executable step(devices, partition(*prepare(module)));
//   std::vector<DeviceArray> state = {step.put(0, w0), step.put(1, w1)};
//   for (const Literal& batch : batches) {
//     state.push_back(step.put(2, batch));
//     state = step.run(std::move(state));      // moved in: donated, the weights are updated in place
//     report(step.get(2, state.back()));
//     state.pop_back();
//   }
//   save(step.get(0, state[0]));
//
// Arguments and results are arrays: the leaves of the parameters, and of the result, in their order.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backend/cpu/executable.h"
#include "eval/evaluate.h"
#include "runtime/devices.h"
#include "shard/partition.h"

namespace gshard {

// A value of the whole program: what each device holds of it, by device.
struct DeviceArray {
  std::vector<Buffer> shards;
};

class Executable {
 public:
  // A program for as many devices as there are. Throws Error(program) where it is for another number.
  Executable(Devices devices, const Partitioned& program);
  // A whole program, verified, on one device.
  Executable(Devices devices, const Module& whole);
  ~Executable();
  Executable(Executable&&) noexcept;
  Executable& operator=(Executable&&) noexcept;

  // How arguments and results lie on the devices; shapes are those of the whole program.
  std::span<const BoundaryValue> arguments() const;
  std::span<const BoundaryValue> results() const;
  // The argument whose memory a result is written into, if that is donated; -1 for none.
  int donor_of(size_t result) const;

  // Brings argument n onto the devices. An array that all of them hold whole, and that no result is written into, is
  // held once.
  DeviceArray put(size_t argument, Literal whole) const;
  // The arguments of a whole program: one value per parameter, tuples leaf by leaf.
  std::vector<DeviceArray> put_all(std::span<const Literal> arguments) const;

  // Runs the program on all devices and returns when all are done. An argument in whose memory a result is written is
  // donated where nobody else holds it (move it in), and copied where somebody does. Several threads may run one
  // program at the same time. Throws Error(program) where arguments do not fit, and what the devices throw.
  std::vector<DeviceArray> run(std::vector<DeviceArray> arguments, const EvaluateOptions& options = {}) const;

  // Result n as a value of the whole program. Throws Error(program) where devices hold different copies.
  Literal get(size_t result, const DeviceArray& array) const;
  // The whole result, of a tuple's shape where the program returns one.
  Literal get_all(std::span<const DeviceArray> results) const;

  // What was compiled; null on Backend::reference.
  const cpu::Executable* compiled() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gshard
