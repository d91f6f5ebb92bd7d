#include "autodiff/windows.h"

#include <algorithm>

namespace gshard {
namespace {

// From the first to the last of `count` elements that are `step` apart.
int64_t reach(int64_t count, int64_t step) { return std::max<int64_t>(count - 1, 0) * step + 1; }

}  // namespace

WindowDim transposed(const WindowDim& dim, int64_t inputs, int64_t outputs) {
  WindowDim back = dim;
  back.stride = dim.base_dilation;
  back.base_dilation = dim.stride;
  back.pad_low = reach(dim.size, dim.window_dilation) - 1 - dim.pad_low;
  back.pad_high = reach(inputs, back.stride) + reach(dim.size, dim.window_dilation) - 1 -
                  reach(outputs, back.base_dilation) - back.pad_low;
  back.reversal = !dim.reversal;
  return back;
}

WindowDim taps_of(const WindowDim& dim, int64_t inputs, int64_t outputs) {
  WindowDim taps = dim;
  taps.size = outputs;
  taps.stride = dim.window_dilation;
  taps.window_dilation = dim.stride;
  taps.pad_high = reach(dim.size, dim.window_dilation) + reach(outputs, dim.stride) - 1 -
                  reach(inputs, dim.base_dilation) - dim.pad_low;
  taps.reversal = false;
  return taps;
}

}  // namespace gshard
