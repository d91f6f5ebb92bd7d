// Where a moving window meets its operand: reduce-window and select-and-scatter.
//
// Along one dimension, place t of the window at output o lies on element i of the operand where
//
//   o * stride + t * window_dilation - pad_low = i * base_dilation
//
// and on padding or between dilated elements where there is no such i. With o or t fixed the solutions are spaced
// evenly, so that all outputs can be handled at once as boxes with strides.
#pragma once

#include <cstdint>
#include <vector>

#include "eval/movement.h"
#include "ir/instruction.h"

namespace gshard {

// The pairs (x, i) = (first_x + k * step_x, first_i + k * step_i) for 0 <= k < count.
struct Meeting {
  int64_t count = 0;
  int64_t first_x = 0;
  int64_t step_x = 1;
  int64_t first_i = 0;
  int64_t step_i = 1;
};

// One dimension of the window: `input` elements of the operand and `output` places of the window.
struct WindowedDim {
  WindowDim window;
  int64_t input = 0;
  int64_t output = 0;

  // The outputs x whose window has its place `tap` on an element i.
  Meeting outputs_of(int64_t tap) const;
  // The taps x that lie on an element i when the window is at `output`.
  Meeting taps_of(int64_t output) const;
  // How many pairs of an output and an element under its window there are; INT64_MAX where it would be more.
  int64_t pair_count() const;
  // The taps that lie on an element at any output, in ascending order. Takes no longer than to look at all pairs.
  std::vector<int64_t> live_taps() const;
};

// The dimensions of the instruction's window over an operand of `input` sizes. Throws Error(program) where the padded
// operand is longer than 2^62, so that the places of windows can be counted in 64 bits.
std::vector<WindowedDim> windowed_dims(const Instruction& instruction, const Window& window, const Dims& input,
                                       const Dims& output);

// The outputs that have one tap on real elements, and these elements.
struct TapBox {
  Dims sizes;
  View outputs;
  View inputs;
};

// Calls body(box) for each combination of live taps in row-major order.
class TapBoxes {
 public:
  TapBoxes(std::vector<WindowedDim> dims);

  template <class Body>
  void for_each(Body&& body) const {
    if (is_among(0, tap_counts_)) return;
    Dims index(dims_.size(), 0);
    do {
      body(box_at(index));
    } while (next_index(index, tap_counts_));
  }

 private:
  TapBox box_at(const Dims& index) const;

  std::vector<WindowedDim> dims_;
  std::vector<std::vector<int64_t>> taps_;
  Dims tap_counts_;
  Dims input_strides_;
  Dims output_strides_;
};

}  // namespace gshard
