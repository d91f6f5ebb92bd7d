// convolution, against the sum over window places and input features.
#include <gtest/gtest.h>

#include "eval/one_op.h"

namespace gshard {
namespace {

// Dimension i of [batch or input feature, feature or output feature, spatial...] stands at order[i].
Dims placed(const Dims& order, int64_t first, int64_t second, const Dims& spatial) {
  Dims dims(order.size());
  dims[static_cast<size_t>(order[0])] = first;
  dims[static_cast<size_t>(order[1])] = second;
  for (size_t d = 0; d < spatial.size(); ++d) dims[static_cast<size_t>(order[d + 2])] = spatial[d];
  return dims;
}

Dims spatial_of(const Dims& order) { return {order.begin() + 2, order.end()}; }

struct RandomConvolution {
  ConvolutionAttrs attrs;
  Dims input_order, kernel_order, output_order;
  Dims input_sizes, kernel_sizes, output_sizes;  // spatial
  int64_t batch, inputs, outputs;                // of the whole input; outputs of the kernel

  RandomConvolution(Random& random, size_t rank) {
    input_order = random.permutation(rank + 2);
    kernel_order = random.permutation(rank + 2);
    output_order = random.permutation(rank + 2);
    attrs.dim_labels = {input_order[0],  input_order[1],  spatial_of(input_order),
                        kernel_order[0], kernel_order[1], spatial_of(kernel_order),
                        output_order[0], output_order[1], spatial_of(output_order)};
    for (size_t d = 0; d < rank; ++d) choose_window(random);
    const int64_t groups = random.between(1, 3);
    (random.flip() ? attrs.feature_group_count : attrs.batch_group_count) = groups;
    batch = attrs.batch_group_count * random.between(1, 2);
    inputs = attrs.feature_group_count * random.between(1, 3);
    outputs = groups * random.between(1, 3);
  }

  Array input(Random& random) const { return random.array(placed(input_order, batch, inputs, input_sizes), -4, 4); }
  Array kernel(Random& random) const {
    return random.array(placed(kernel_order, inputs / attrs.feature_group_count, outputs, kernel_sizes), -4, 4);
  }
  Dims result_dims() const { return placed(output_order, batch / attrs.batch_group_count, outputs, output_sizes); }

  // Without any care for order of loops or cost.
  Array result(const Array& x, const Array& w) const {
    Array y(result_dims());
    const int64_t group_inputs = inputs / attrs.feature_group_count;
    const int64_t batches = batch / attrs.batch_group_count;
    for (int64_t b = 0; b < batches; ++b) {
      for (int64_t o = 0; o < outputs; ++o) {
        const int64_t feature_group = o / (outputs / attrs.feature_group_count);
        const int64_t batch_group = o / (outputs / attrs.batch_group_count);
        for_each_index(output_sizes, [&](const Dims& at) {
          Number sum = 0;
          for_each_index(kernel_sizes, [&](const Dims& tap) {
            Dims place;
            if (!place_of(at, tap, place)) return;
            for (int64_t i = 0; i < group_inputs; ++i) {
              sum += x[placed(input_order, batch_group * batches + b, feature_group * group_inputs + i, place)] *
                     w[placed(kernel_order, i, o, kernel_tap(tap))];
            }
          });
          y[placed(output_order, b, o, at)] = sum;
        });
      }
    }
    return y;
  }

 private:
  void choose_window(Random& random) {
    WindowDim w;
    const int64_t input = random.between(1, 6);
    w.size = random.between(1, 3);
    w.stride = random.between(1, 3);
    w.base_dilation = random.between(1, 3);
    w.window_dilation = random.between(1, 3);
    w.reversal = random.flip();
    const int64_t base = (input - 1) * w.base_dilation + 1;
    const int64_t window = (w.size - 1) * w.window_dilation + 1;
    w.pad_low = random.between(-2, 4);
    w.pad_high = random.between(std::max<int64_t>(-2, -base - w.pad_low), 4);
    const int64_t room = base + w.pad_low + w.pad_high - window;
    input_sizes.push_back(input);
    kernel_sizes.push_back(w.size);
    output_sizes.push_back(room < 0 ? 0 : room / w.stride + 1);
    attrs.window.dims.push_back(w);
  }

  bool place_of(const Dims& at, const Dims& tap, Dims& place) const {
    for (size_t d = 0; d < at.size(); ++d) {
      const WindowDim& w = attrs.window.dims[d];
      const int64_t p = at[d] * w.stride + tap[d] * w.window_dilation - w.pad_low;
      if (p < 0 || p % w.base_dilation != 0 || p / w.base_dilation >= input_sizes[d]) return false;
      place.push_back(p / w.base_dilation);
    }
    return true;
  }

  Dims kernel_tap(const Dims& tap) const {
    Dims turned = tap;
    for (size_t d = 0; d < tap.size(); ++d) {
      if (attrs.window.dims[d].reversal) turned[d] = kernel_sizes[d] - 1 - tap[d];
    }
    return turned;
  }
};

struct Types {
  DType input, kernel, result;
};

TEST(Convolution, SumsOverTheWindow) {
  constexpr Types kTypes[] = {{DType::f32, DType::f32, DType::f32}, {DType::bf16, DType::bf16, DType::bf16},
                              {DType::f64, DType::f64, DType::f64}, {DType::s8, DType::s8, DType::s32},
                              {DType::c64, DType::c64, DType::c64}, {DType::f16, DType::f16, DType::f32}};
  Random random(31);
  OneOp op;
  for (int round = 0; round < 300; ++round) {
    const RandomConvolution convolution(random, static_cast<size_t>(round % 4));
    const Types& types = kTypes[round % std::size(kTypes)];
    const Array x = convolution.input(random);
    const Array w = convolution.kernel(random);
    const Literal result = op.run(Op::convolution, convolution.attrs, {x.literal(types.input), w.literal(types.kernel)},
                                  {}, Shape(types.result, convolution.result_dims()));
    // Through the same conversion, because bf16 rounds the largest of these integers.
    const Array expected = Array::of(convolution.result(x, w).literal(types.result));
    EXPECT_EQ(Array::of(result), expected) << round;
  }
}

TEST(Convolution, ManyPositionsAreDoneInBlocks) {
  // 3 x 3 x 64 input elements for each of 70 x 70 outputs are more than one block.
  Random random(32);
  const Array x = random.array({1, 70, 70, 64}, -2, 2);
  const Array w = random.array({3, 3, 64, 2}, -2, 2);
  ConvolutionAttrs attrs;
  attrs.dim_labels = {0, 3, {1, 2}, 2, 3, {0, 1}, 0, 3, {1, 2}};
  attrs.window.dims.resize(2);
  for (WindowDim& d : attrs.window.dims) d.size = 3, d.pad_low = d.pad_high = 1;
  Array expected({1, 70, 70, 2});
  for_each_index({70, 70, 2, 3, 3}, [&](const Dims& i) {
    const int64_t row = i[0] + i[3] - 1;
    const int64_t column = i[1] + i[4] - 1;
    if (row < 0 || row >= 70 || column < 0 || column >= 70) return;
    for (int64_t f = 0; f < 64; ++f)
      expected[{0, i[0], i[1], i[2]}] += x[{0, row, column, f}] * w[{i[3], i[4], f, i[2]}];
  });
  const Literal result = OneOp().run(Op::convolution, attrs, {x.literal(DType::f32), w.literal(DType::f32)}, {},
                                     Shape(DType::f32, expected.dims));
  EXPECT_EQ(Array::of(result), expected);
}

}  // namespace
}  // namespace gshard
