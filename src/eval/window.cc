#include "eval/window.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "eval/evaluator.h"

namespace gshard {
namespace {

using Wide = __int128;

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
int64_t ceil_divide(int64_t a, int64_t b) { return -floor_divide(-a, b); }

// x with a * x = 1 modulo m, for a and m without common divisor.
int64_t inverse_modulo(int64_t a, int64_t m) {
  int64_t remainder = m;
  int64_t x = 0;
  int64_t next_x = 1;
  for (int64_t next = a % m; next != 0;) {
    const int64_t quotient = remainder / next;
    remainder = std::exchange(next, remainder - quotient * next);
    x = std::exchange(next_x, x - quotient * next_x);
  }
  return x < 0 ? x + m : x;
}

// The solutions of x * stride + start = i * dilation with 0 <= x < x_count and 0 <= i < i_count.
Meeting meeting_of(int64_t stride, int64_t start, int64_t dilation, int64_t x_count, int64_t i_count) {
  const int64_t common = std::gcd(stride, dilation);
  if (start % common != 0 || x_count <= 0 || i_count <= 0) return {};
  Meeting meeting;
  meeting.step_x = dilation / common;
  meeting.step_i = stride / common;
  if (meeting.step_x > 1) {
    const Wide wanted = -(start / common) % meeting.step_x + meeting.step_x;
    meeting.first_x = static_cast<int64_t>(wanted * inverse_modulo(meeting.step_i, meeting.step_x) % meeting.step_x);
  }
  // From the first x at which i is not negative.
  const int64_t lowest = ceil_divide(-start, stride);
  if (lowest > meeting.first_x) {
    meeting.first_x += ceil_divide(lowest - meeting.first_x, meeting.step_x) * meeting.step_x;
  }
  if (meeting.first_x >= x_count) return {};
  meeting.first_i = static_cast<int64_t>((Wide{meeting.first_x} * stride + start) / dilation);
  if (meeting.first_i >= i_count) return {};
  meeting.count =
      1 + std::min((x_count - 1 - meeting.first_x) / meeting.step_x, (i_count - 1 - meeting.first_i) / meeting.step_i);
  return meeting;
}

}  // namespace

Meeting WindowedDim::outputs_of(int64_t tap) const {
  return meeting_of(window.stride, tap * window.window_dilation - window.pad_low, window.base_dilation, output, input);
}

Meeting WindowedDim::taps_of(int64_t at) const {
  return meeting_of(window.window_dilation, at * window.stride - window.pad_low, window.base_dilation, window.size,
                    input);
}

int64_t WindowedDim::pair_count() const {
  int64_t count = 0;
  for (int64_t at = 0; at < output; ++at) {
    if (__builtin_add_overflow(count, taps_of(at).count, &count)) return std::numeric_limits<int64_t>::max();
  }
  return count;
}

std::vector<int64_t> WindowedDim::live_taps() const {
  std::vector<int64_t> taps;
  const int64_t pairs = pair_count();
  if (pairs == 0) return taps;
  // The taps that reach from the first element to the last.
  const int64_t first = ceil_divide(window.pad_low - (output - 1) * window.stride, window.window_dilation);
  const int64_t last = floor_divide(window.pad_low + (input - 1) * window.base_dilation, window.window_dilation);
  const int64_t begin = std::max<int64_t>(first, 0);
  const int64_t end = std::min(last + 1, window.size);
  if (end - begin <= pairs) {
    for (int64_t tap = begin; tap < end; ++tap) {
      if (outputs_of(tap).count > 0) taps.push_back(tap);
    }
    return taps;
  }
  // Few of them lie on an element: dilations or strides are large.
  for (int64_t at = 0; at < output; ++at) {
    const Meeting meeting = taps_of(at);
    for (int64_t k = 0; k < meeting.count; ++k) taps.push_back(meeting.first_x + k * meeting.step_x);
  }
  std::sort(taps.begin(), taps.end());
  taps.erase(std::unique(taps.begin(), taps.end()), taps.end());
  return taps;
}

std::vector<WindowedDim> windowed_dims(const Instruction& instruction, const Window& window, const Dims& input,
                                       const Dims& output) {
  constexpr Wide kLimit = Wide{1} << 62;
  std::vector<WindowedDim> dims;
  for (size_t d = 0; d < window.dims.size(); ++d) {
    const WindowDim& w = window.dims[d];
    const Wide base = Wide{std::max<int64_t>(input[d] - 1, 0)} * w.base_dilation + 1;
    const Wide extent = Wide{w.size - 1} * w.window_dilation + 1;
    for (const Wide length :
         {base, extent, Wide{w.stride}, base + w.pad_low + w.pad_high, Wide{w.pad_low}, -Wide{w.pad_low}}) {
      if (length < kLimit) continue;
      throw evaluation_error(instruction,
                             "dimension " + std::to_string(d) + " of the window is padded or dilated beyond 2^62");
    }
    dims.push_back({w, input[d], output[d]});
  }
  return dims;
}

// ---- TapBoxes ---------------------------------------------------------------------------------------------------

TapBoxes::TapBoxes(std::vector<WindowedDim> dims) : dims_(std::move(dims)) {
  Dims input;
  Dims output;
  for (const WindowedDim& dim : dims_) {
    input.push_back(dim.input);
    output.push_back(dim.output);
    taps_.push_back(dim.live_taps());
    tap_counts_.push_back(static_cast<int64_t>(taps_.back().size()));
  }
  input_strides_ = row_major_strides(input);
  output_strides_ = row_major_strides(output);
}

TapBox TapBoxes::box_at(const Dims& index) const {
  TapBox box;
  for (size_t d = 0; d < dims_.size(); ++d) {
    const Meeting meeting = dims_[d].outputs_of(taps_[d][static_cast<size_t>(index[d])]);
    const int64_t step = meeting.count > 1 ? 1 : 0;  // a step that is not made may be large
    box.sizes.push_back(meeting.count);
    box.outputs.offset += meeting.first_x * output_strides_[d];
    box.outputs.strides.push_back(meeting.step_x * step * output_strides_[d]);
    box.inputs.offset += meeting.first_i * input_strides_[d];
    box.inputs.strides.push_back(meeting.step_i * step * input_strides_[d]);
  }
  return box;
}

}  // namespace gshard
