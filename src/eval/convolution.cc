// Convolution, as matrix products: the input elements under the window at some positions become the rows of a matrix
// that meets the kernel. Arrays are packed channels-last first: input [batch, spatial..., feature], kernel
// [spatial..., input feature, output feature], result [batch, spatial..., feature].
#include <algorithm>
#include <vector>

#include "eval/dot.h"
#include "eval/elements.h"
#include "eval/evaluator.h"
#include "eval/movement.h"
#include "eval/window.h"

namespace gshard {
namespace {

// Elements of the matrix that is made of the input at once.
constexpr int64_t kPatchElements = int64_t{1} << 20;

Dims outer_dims(int64_t first, const Dims& spatial, int64_t last) {
  Dims dims{first};
  dims.append({spatial.data(), spatial.size()});
  dims.push_back(last);
  return dims;
}

Literal packed_input(const Literal& input, const ConvDimensions& labels, DType type) {
  return convert_elements(transposed(input, outer_dims(labels.input_batch, labels.input_spatial, labels.input_feature)),
                          type);
}

// A reversed window meets its kernel backwards, so the kernel is turned once.
Literal packed_kernel(const Literal& kernel, const ConvDimensions& labels, const Window& window, DType type) {
  Dims order = labels.kernel_spatial;
  order.push_back(labels.kernel_input_feature);
  order.push_back(labels.kernel_output_feature);
  const Shape shape = kernel.shape().with_dims(select_dims(kernel.shape().dims(), order));
  View from{0, select_dims(row_major_strides(kernel.shape().dims()), order)};
  for (size_t d = 0; d < window.dims.size(); ++d) {
    if (!window.dims[d].reversal) continue;
    from.offset += (shape.dim(d) - 1) * from.strides[d];
    from.strides[d] = -from.strides[d];
  }
  Literal packed(shape);
  copy_box(shape.dims(), packed, View::whole(shape), kernel, from);
  return convert_elements(packed, type);
}

// Sizes of one convolution. Features or batches may be split into groups, which are convolutions of their own: each
// reads its part of the input and makes its part of the output features.
struct Sizes {
  std::vector<WindowedDim> spatial;
  Dims input_strides;        // batch, spatial..., feature
  int64_t batch = 0;         // of the output
  int64_t outputs = 0;       // output features
  int64_t inputs = 0;        // input features
  int64_t taps = 1;          // places of the window
  int64_t group_inputs = 0;  // input features that the window reads at each place
  int64_t groups = 1;
  int64_t batch_step = 0;    // batches of the input from one group to the next
  int64_t feature_step = 0;  // features of the input from one group to the next

  int64_t group_outputs() const { return outputs / groups; }
  int64_t positions() const {
    int64_t count = batch;
    for (const WindowedDim& dim : spatial) count *= dim.output;
    return count;
  }
};

Sizes sizes_of(const Instruction& instruction, const Literal& input, const Literal& kernel, const Dims& output) {
  const auto& attrs = instruction.attrs<ConvolutionAttrs>();
  const Dims& dims = input.shape().dims();
  Sizes sizes;
  sizes.spatial = windowed_dims(instruction, attrs.window, {dims.begin() + 1, dims.end() - 1},
                                {output.begin() + 1, output.end() - 1});
  sizes.input_strides = row_major_strides(dims);
  sizes.batch = output[0];
  sizes.outputs = output.back();
  sizes.inputs = dims.back();
  for (const WindowedDim& dim : sizes.spatial) sizes.taps *= dim.window.size;
  sizes.group_inputs = kernel.shape().dim(sizes.spatial.size());
  sizes.groups = std::max(attrs.feature_group_count, attrs.batch_group_count);
  if (attrs.batch_group_count > 1) sizes.batch_step = sizes.batch;
  if (attrs.feature_group_count > 1) sizes.feature_step = sizes.inputs / sizes.groups;
  return sizes;
}

// Finds what lies under the window at one position of the output.
class WindowWalk {
 public:
  explicit WindowWalk(const Sizes& sizes) : sizes_(sizes), corner_(sizes.spatial.size(), 0) {}

  // Calls body(offset, tap, run) for each run of taps on neighbouring elements of the input: `run` taps from `tap` on,
  // whose first elements stand `input features` apart from `offset` on. Taps on padding or in dilation are left out.
  template <class Body>
  void visit(int64_t position, Body&& body) {
    for (size_t d = corner_.size(); d-- > 0;) {
      const WindowedDim& dim = sizes_.spatial[d];
      corner_[d] = position % dim.output * dim.window.stride - dim.window.pad_low;
      position /= dim.output;
    }
    visit_dimension(0, position * sizes_.input_strides[0], 0, body);
  }

 private:
  template <class Body>
  void visit_dimension(size_t d, int64_t offset, int64_t tap, Body& body) {
    if (d == corner_.size()) return body(offset, tap, 1);
    const WindowDim& window = sizes_.spatial[d].window;
    const int64_t size = sizes_.spatial[d].input;
    const int64_t stride = sizes_.input_strides[d + 1];
    tap *= window.size;
    if (d + 1 == corner_.size() && window.base_dilation == 1 && window.window_dilation == 1) {
      const int64_t first = std::max<int64_t>(0, -corner_[d]);
      const int64_t end = std::min(window.size, size - corner_[d]);
      if (first < end) body(offset + (corner_[d] + first) * stride, tap + first, end - first);
      return;
    }
    int64_t place = corner_[d];
    for (int64_t i = 0; i < window.size; ++i, place += window.window_dilation) {
      const int64_t element = place / window.base_dilation;
      if (place < 0 || place % window.base_dilation != 0 || element >= size) continue;
      visit_dimension(d + 1, offset + element * stride, tap + i, body);
    }
  }

  const Sizes& sizes_;
  Dims corner_;  // where the window begins, in places of the dilated input
};

// Fills `rows` rows of taps x group_inputs elements, from the position `first` on, of one group.
template <class T>
void gather_patches(const Sizes& sizes, WindowWalk& walk, int64_t first, int64_t rows, const T* input, T* patches) {
  const int64_t features = sizes.inputs;
  const int64_t taken = sizes.group_inputs;
  const int64_t row_size = sizes.taps * taken;
  std::fill_n(patches, rows * row_size, T{});
  for (int64_t row = 0; row < rows; ++row, patches += row_size) {
    walk.visit(first + row, [&](int64_t offset, int64_t tap, int64_t run) {
      const T* from = input + offset;
      T* to = patches + tap * taken;
      if (taken == features) {
        std::copy_n(from, run * taken, to);
      } else {
        for (int64_t i = 0; i < run; ++i) std::copy_n(from + i * features, taken, to + i * taken);
      }
    });
  }
}

template <class T>
void convolve(const Sizes& sizes, const T* input, const T* kernel, T* output) {
  const int64_t depth = sizes.taps * sizes.group_inputs;
  const int64_t outputs = sizes.outputs;
  const int64_t positions = sizes.positions();
  const int64_t block = std::min(std::max<int64_t>(kPatchElements / std::max<int64_t>(depth, 1), 8), positions);
  std::vector<T> patches(static_cast<size_t>(block * depth));
  WindowWalk walk(sizes);
  for (int64_t group = 0; group < sizes.groups; ++group) {
    const T* from = input + group * (sizes.batch_step * sizes.input_strides[0] + sizes.feature_step);
    const int64_t column = group * sizes.group_outputs();
    for (int64_t first = 0; first < positions; first += block) {
      const int64_t rows = std::min(block, positions - first);
      gather_patches(sizes, walk, first, rows, from, patches.data());
      matmul_add<T>({rows, sizes.group_outputs(), depth}, {patches.data(), depth, 1}, {kernel + column, outputs, 1},
                    {output + first * outputs + column, outputs, 1});
    }
  }
}

// Every output feature reads one input feature: no matrix to speak of, but all features of a place at once. The input
// has each feature as often as it is read.
template <class T>
void convolve_depthwise(const Sizes& sizes, const T* input, const T* kernel, T* output) {
  const int64_t features = sizes.outputs;
  WindowWalk walk(sizes);
  for (int64_t position = 0; position < sizes.positions(); ++position, output += features) {
    walk.visit(position, [&](int64_t offset, int64_t tap, int64_t run) {
      for (int64_t i = 0; i < run; ++i) {
        const T* x = input + offset + i * features;
        const T* weights = kernel + (tap + i) * features;
        for (int64_t f = 0; f < features; ++f) output[f] += x[f] * weights[f];
      }
    });
  }
}

// Each feature `times` times in a row.
Literal repeated_features(const Literal& input, int64_t times) {
  if (times == 1) return input;
  Dims dims = input.shape().dims();
  dims.push_back(times);
  Dims kept;
  for (size_t d = 0; d + 1 < dims.size(); ++d) kept.push_back(static_cast<int64_t>(d));
  Dims joined = input.shape().dims();
  joined.back() *= times;
  return broadcast_to(input.shape().with_dims(dims), input, kept).reshaped(input.shape().with_dims(joined));
}

}  // namespace

Literal eval_convolution(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& attrs = instruction.attrs<ConvolutionAttrs>();
  const ConvDimensions& labels = attrs.dim_labels;
  const Shape& shape = instruction.shape();
  if (any_empty({shape, operands[0].shape(), operands[1].shape()})) return Literal(shape);
  const DType type = accumulator_type(shape.type(), operands[0].shape().type(), operands[1].shape().type());
  const Dims output_order = outer_dims(labels.output_batch, labels.output_spatial, labels.output_feature);
  const Dims output = select_dims(shape.dims(), output_order);
  const Literal kernel = packed_kernel(operands[1], labels, attrs.window, type);
  Literal input = packed_input(operands[0], labels, type);
  const bool depthwise = attrs.feature_group_count > 1 && kernel.shape().dim(labels.input_spatial.size()) == 1;
  if (depthwise) input = repeated_features(input, output.back() / attrs.feature_group_count);

  Literal sums(Shape(type, output));
  const Sizes sizes = sizes_of(instruction, input, kernel, output);
  with_accumulator(type, [&]<class T>() {
    const auto run = depthwise ? convolve_depthwise<T> : convolve<T>;
    run(sizes, input.values<T>().data(), kernel.values<T>().data(), sums.mutable_values<T>().data());
  });
  return transposed(convert_elements(sums, shape.type()), inverse_permutation(output_order)).reshaped(shape);
}

}  // namespace gshard
