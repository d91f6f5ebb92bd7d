// A computation over scalars as machine code that is called once per element: comparators of sorts, for which no loop
// can be written down.
#pragma once

#include <optional>
#include <vector>

#include "backend/cpu/jit.h"
#include "backend/cpu/kernel.h"

namespace gshard::cpu {

class ScalarCode {
 public:
  // The code for a value of a computation in terms of its parameters; none where loops do not know its ops, or where it
  // is a parameter or constant itself.
  static std::optional<ScalarCode> of(const Instruction& value);

  const Kernel& kernel() const { return kernel_; }
  void set_function(KernelFunction function) { function_ = function; }
  DType type() const { return type_; }
  // Writes the value to `result`; element(p) is where the argument for parameter p stands.
  template <class Element>
  void run(std::byte* result, Element&& element) const {
    SmallVector<std::byte*, 8> arguments;
    for (int parameter : parameters_) {
      arguments.push_back(parameter < 0 ? result : const_cast<std::byte*>(element(static_cast<size_t>(parameter))));
    }
    function_(arguments.data(), 0, 1, 0, 1);
  }

 private:
  ScalarCode(Kernel kernel, DType type);

  Kernel kernel_;
  DType type_;
  std::vector<int> parameters_;  // by argument of the kernel; -1 for the result
  KernelFunction function_ = nullptr;
};

}  // namespace gshard::cpu
