// Gradients of convolutions, which are convolutions.
#include <utility>

#include "autodiff/gradients.h"
#include "autodiff/permutation.h"
#include "autodiff/windows.h"
#include "ops/build.h"

namespace gshard {
namespace {

// Takes the major part of a dimension, `groups` long, and makes it the major part of another one.
Value with_groups_moved(Value x, int64_t from, int64_t to, int64_t groups) {
  Dims split;
  Dims order;
  for (int64_t d = 0; d < static_cast<int64_t>(x.rank()); ++d) {
    const int64_t size = x.dim(static_cast<size_t>(d));
    if (d == from) split.push_back(groups);
    split.push_back(d == from ? size / groups : size);
    if (d == to) order.push_back(from);
    order.push_back(d >= from ? d + 1 : d);
  }
  Dims merged = x.dims();
  merged[static_cast<size_t>(from)] /= groups;
  merged[static_cast<size_t>(to)] *= groups;
  return reshape(transpose(reshape(x, split), order), merged);
}

class ConvolutionPullback {
 public:
  explicit ConvolutionPullback(Pullback& p)
      : attrs_(p.attrs<ConvolutionAttrs>()),
        labels_(attrs_.dim_labels),
        input_(p.operand(0)),
        kernel_(p.operand(1)),
        cotangent_(input_.type() == kernel_.type() ? convert(p.cotangent(), input_.type()) : p.cotangent()) {}

  // The cotangents under the kernel, turned around: what it made of each input feature it gives back to it.
  Value of_input() const {
    const int64_t groups = attrs_.feature_group_count * attrs_.batch_group_count;
    ConvolutionAttrs back = attrs_;
    back.window = with_each_dim(
        [](const WindowDim& dim, int64_t inputs, int64_t outputs) { return transposed(dim, inputs, outputs); });
    back.dim_labels = {.input_batch = labels_.output_batch,
                       .input_feature = labels_.output_feature,
                       .input_spatial = labels_.output_spatial,
                       .kernel_input_feature = labels_.kernel_output_feature,
                       .kernel_output_feature = labels_.kernel_input_feature,
                       .kernel_spatial = labels_.kernel_spatial,
                       .output_batch = labels_.input_batch,
                       .output_feature = labels_.input_feature,
                       .output_spatial = labels_.input_spatial};
    back.feature_group_count = groups;
    back.batch_group_count = 1;
    const Value kernel =
        groups == 1 ? kernel_
                    : with_groups_moved(kernel_, labels_.kernel_output_feature, labels_.kernel_input_feature, groups);
    const Value made = convolution(cotangent_, kernel, back, input_.type());
    if (attrs_.batch_group_count == 1) return made;
    return with_groups_moved(made, labels_.input_feature, labels_.input_batch, groups);
  }

  // The input under the cotangents, the batch summed up: groups of features meet as groups of a batch, and the reverse.
  Value of_kernel() const {
    ConvolutionAttrs back = attrs_;
    back.window = with_each_dim(
        [](const WindowDim& dim, int64_t inputs, int64_t outputs) { return taps_of(dim, inputs, outputs); });
    back.dim_labels = {.input_batch = labels_.input_feature,
                       .input_feature = labels_.input_batch,
                       .input_spatial = labels_.input_spatial,
                       .kernel_input_feature = labels_.output_batch,
                       .kernel_output_feature = labels_.output_feature,
                       .kernel_spatial = labels_.output_spatial,
                       .output_batch = labels_.kernel_input_feature,
                       .output_feature = labels_.kernel_output_feature,
                       .output_spatial = labels_.kernel_spatial};
    std::swap(back.feature_group_count, back.batch_group_count);
    Dims reversed;
    for (size_t d = 0; d < attrs_.window.dims.size(); ++d) {
      if (attrs_.window.dims[d].reversal) reversed.push_back(labels_.kernel_spatial[d]);
    }
    const Value made = convolution(input_, cotangent_, back, kernel_.type());
    return reversed.empty() ? made : reverse(made, reversed);
  }

 private:
  template <class F>
  Window with_each_dim(F&& f) const {
    Window window = attrs_.window;
    for (size_t d = 0; d < window.dims.size(); ++d) {
      const int64_t inputs = input_.dim(static_cast<size_t>(labels_.input_spatial[d]));
      const int64_t outputs = cotangent_.dim(static_cast<size_t>(labels_.output_spatial[d]));
      window.dims[d] = f(window.dims[d], inputs, outputs);
    }
    return window;
  }

  const ConvolutionAttrs& attrs_;
  const ConvDimensions& labels_;
  const Value input_;
  const Value kernel_;
  const Value cotangent_;
};

}  // namespace

void gradient_convolution(Pullback& p) {
  const ConvolutionPullback back(p);
  const auto is_empty = [](Value x) { return x.shape().element_count() == 0; };
  const bool is_zero = is_empty(p.operand(0)) || is_empty(p.operand(1)) || is_empty(p.result());
  p.give(0, [&] { return is_zero ? full_like(p.operand(0), 0) : back.of_input(); });
  p.give(1, [&] { return is_zero ? full_like(p.operand(1), 0) : back.of_kernel(); });
}

}  // namespace gshard
