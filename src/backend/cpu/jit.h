// Machine code for kernels, made by LLVM for the machine at hand.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/cpu/kernel.h"
#include "backend/cpu/pool.h"

namespace gshard::cpu {

using KernelFunction = void (*)(std::byte* const* arguments, int64_t first_row, int64_t last_row, int64_t first_lane,
                                int64_t last_lane);

// Owns the code that it compiled. One thread at a time may ask it to compile, which it does on all threads of a pool.
class Jit {
 public:
  Jit();
  ~Jit();

  // One function per kernel; kernels that are the same code share one.
  std::vector<KernelFunction> compile(std::span<const Kernel* const> kernels, Pool& pool);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gshard::cpu
