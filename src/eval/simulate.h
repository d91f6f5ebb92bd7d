// Running a partitioned module on virtual devices: one thread each, collectives in memory.
//
//   std::vector<Literal> results = simulate(module, arguments_of_each_device);
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "eval/evaluate.h"

namespace gshard {

// Called after each instruction of each device, from that device's thread.
using DeviceObserver = std::function<void(int64_t device, const Instruction& instruction, const Literal& value)>;

// Each is a thread of this machine.
constexpr int64_t kMaxVirtualDevices = 4096;

// Throws Error(program) where there are more.
void check_virtual_devices(int64_t replicas, int64_t partitions);

// Runs the entry computation once per device, where the module's header says how many replicas and partitions there
// are; device = replica * num_partitions + partition. arguments[device] are that device's. The results are in the same
// order and the same bits in every run. A device that fails stops the others, and its error is thrown; devices that
// wait for each other at different collectives are an Error(program) that names both, never a hang.
std::vector<Literal> simulate(const Module& module, std::span<const std::vector<Literal>> arguments,
                              const EvaluateOptions& options = {}, const DeviceObserver& observe = {});

}  // namespace gshard
