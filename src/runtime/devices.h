// The devices that programs of this process run on.
//
//   const Devices devices(8);      // eight virtual ones: threads that share the cores
//   devices.allocate(shape)        // memory of one of them
#pragma once

#include <memory>

#include "backend/cpu/precision.h"
#include "runtime/buffer.h"

namespace gshard {

namespace cpu {
class Pool;
}

enum class Backend : uint8_t {
  cpu,        // compiled loops and oneDNN
  reference,  // the evaluator: what programs mean
};

struct DeviceOptions {
  Backend backend = Backend::cpu;
  int threads = 0;  // that all devices share; 0 for as many as there are cores
  cpu::MatmulPrecision precision = cpu::MatmulPrecision::f32;
  // Programs on the CPU backend stop at the first instruction that makes a NaN, with an Error(program) that names it.
  bool check_nans = false;
};

// Copies stand for the same devices.
class Devices {
 public:
  // Throws Error(program) where there are more than can be.
  explicit Devices(int64_t count, const DeviceOptions& options = {});

  int64_t count() const;
  Backend backend() const;
  cpu::MatmulPrecision precision() const;
  bool checks_nans() const;
  const std::shared_ptr<cpu::Pool>& pool() const;

  // Memory to be written before it is read. What was dropped is given out again, so that a program that runs step by
  // step finds its memory there. Throws Error(memory).
  Buffer allocate(const Shape& shape) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace gshard
