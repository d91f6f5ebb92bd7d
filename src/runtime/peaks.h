// What the machine at hand can do at most, measured: what programs are compared with.
#pragma once

#include <functional>

namespace gshard {

struct Peaks {
  double f32_operations = 0;   // per second, of matrix products, on all cores; a multiply-add counts as two
  double bf16_operations = 0;  // the same with operands of bf16
  double bytes = 0;            // per second, read and written by copies beyond all caches, on all cores
};

Peaks measure_peaks();

// The fastest of a few runs: what else the machine does only slows it.
double fastest_seconds(const std::function<void()>& work);

}  // namespace gshard
