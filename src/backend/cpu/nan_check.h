// Looking for the first NaN: `gshard run --check-nans`.
#pragma once

#include "backend/cpu/program.h"

namespace gshard::cpu {

// Throws Error(program) where an array that its instruction just computed holds a NaN: with the instruction, its place
// in the text and in the model, the element, and the device where there are several.
class NanCheckStep : public Step {
 public:
  NanCheckStep(const Leaf& leaf, Buffer buffer, const DeviceGrid& grid)
      : Step(leaf.value), leaf_(leaf), buffer_(buffer), grid_(grid) {}
  void run(Frame& frame) const override;
  std::string describe() const override { return "check for NaN"; }
  std::vector<const Instruction*> computes() const override { return {}; }

 private:
  Leaf leaf_;
  Buffer buffer_;
  DeviceGrid grid_;
};

// Whether elements of the type can be NaN.
bool can_be_nan(DType type);

}  // namespace gshard::cpu
