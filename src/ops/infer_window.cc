// Types of the ops that move a window over their operand.
#include <algorithm>

#include "ir/dims.h"
#include "ops/infer.h"

namespace gshard {
namespace {

// The size of `size` elements with dilation - 1 holes between them.
WideInt dilated(int64_t size, int64_t dilation) { return size == 0 ? 0 : WideInt{size - 1} * dilation + 1; }

void check_window_dim(const Instruction& i, const WindowDim& w, size_t d) {
  require(w.size >= 1, i, "the window's dimension {} has size {}, must be at least 1", d, w.size);
  require(w.stride >= 1, i, "the window's dimension {} has stride {}, must be at least 1", d, w.stride);
  require(w.base_dilation >= 1, i, "the window's dimension {} has lhs_dilate {}, must be at least 1", d,
          w.base_dilation);
  require(w.window_dilation >= 1, i, "the window's dimension {} has rhs_dilate {}, must be at least 1", d,
          w.window_dilation);
}

// The number of the window's positions along one dimension.
int64_t window_count(const Instruction& i, int64_t base, const WindowDim& w) {
  const WideInt padded = dilated(base, w.base_dilation) + w.pad_low + w.pad_high;
  const WideInt window = dilated(w.size, w.window_dilation);
  if (padded < window) return 0;
  return checked_size(i, (padded - window) / w.stride + 1, "a dimension of the result");
}

// Operands, then as many scalars to start from; all operands have the sizes of the first.
struct WindowedOperands {
  std::vector<Shape> values;
  std::vector<Shape> starts;
};

WindowedOperands windowed_operands(const Instruction& i) {
  require(i.operand_count() % 2 == 0, i, "has {} operands, must have as many initial values as arrays",
          i.operand_count());
  const size_t count = i.operand_count() / 2;
  WindowedOperands result;
  for (size_t k = 0; k < count; ++k) {
    require_equal_dims(i, 0, k);
    result.values.push_back(i.operand(k)->shape());
    const Shape& start = array_operand(i, count + k);
    require(start.is_scalar(), i, "operand {} is {}, must be a scalar initial value", count + k, start);
    result.starts.push_back(start);
  }
  return result;
}

}  // namespace

Dims window_output(const Instruction& i, const Dims& base, const Window& window) {
  require(window.dims.size() == base.size(), i, "the window has {} dimensions, the operand {}", window.dims.size(),
          base.size());
  Dims result;
  for (size_t d = 0; d < base.size(); ++d) {
    check_window_dim(i, window.dims[d], d);
    result.push_back(window_count(i, base[d], window.dims[d]));
  }
  return result;
}

Shape infer_reduce_window(const Instruction& i) {
  const auto [values, starts] = windowed_operands(i);
  const Shape& reduced = require_reducer(i, 0, starts, values);
  const Dims dims = window_output(i, values[0].dims(), i.attrs<WindowAttrs>().window);
  std::vector<Shape> results;
  for (const Shape& start : starts) results.emplace_back(start.type(), dims);
  return reduced.is_tuple() ? Shape::tuple(std::move(results)) : results[0];
}

Shape infer_select_and_scatter(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const Shape& source = array_operand(i, 1);
  const Shape& start = array_operand(i, 2);
  require_equal_types(i, 0, 1);
  require(start == Shape(operand.type()), i, "operand 2 is {}, must be {}[]", start, operand.type());
  const Shape scalar(operand.type());
  const Shape& selected = callee_result(i, 0, std::vector{scalar, scalar});
  require(selected == Shape(DType::pred), i, "select %{} returns {}, must return pred[]", i.callees()[0]->name(),
          selected);
  require_reducer(i, 1, std::vector{scalar}, std::vector{scalar});
  const Dims positions = window_output(i, operand.dims(), i.attrs<WindowAttrs>().window);
  require(source.dims() == positions, i, "operand 1 is {}, but the window has {} positions on {}", source, positions,
          operand);
  return operand;
}

// ---- convolution ----------------------------------------------------------------------------------------------------

namespace {

// Sizes by role instead of position.
struct ConvSizes {
  int64_t batch;
  int64_t input_feature;
  Dims input_spatial;
  int64_t kernel_input_feature;
  int64_t kernel_output_feature;
  Dims kernel_spatial;
};

// The roles of one of the three arrays take every dimension once.
void check_roles(const Instruction& i, size_t rank, int64_t first, int64_t second, const Dims& spatial,
                 std::string_view which) {
  Dims all = spatial;
  all.push_back(first);
  all.push_back(second);
  require(all.size() == rank, i, "dim_labels name {} dimensions of the {}, which has {}", all.size(), which, rank);
  require_unique_below(i, all, rank, fmt::format("dim_labels of the {}", which));
}

ConvSizes conv_sizes(const Instruction& i) {
  const Shape& input = array_operand(i, 0);
  const Shape& kernel = array_operand(i, 1);
  const ConvDimensions& labels = i.attrs<ConvolutionAttrs>().dim_labels;
  const size_t spatial = labels.input_spatial.size();
  require(labels.kernel_spatial.size() == spatial && labels.output_spatial.size() == spatial, i,
          "dim_labels have {} spatial dimensions of the input, {} of the kernel, {} of the output", spatial,
          labels.kernel_spatial.size(), labels.output_spatial.size());
  check_roles(i, input.rank(), labels.input_batch, labels.input_feature, labels.input_spatial, "input");
  check_roles(i, kernel.rank(), labels.kernel_input_feature, labels.kernel_output_feature, labels.kernel_spatial,
              "kernel");
  check_roles(i, spatial + 2, labels.output_batch, labels.output_feature, labels.output_spatial, "output");
  return {input.dim(static_cast<size_t>(labels.input_batch)),
          input.dim(static_cast<size_t>(labels.input_feature)),
          sizes_of(input, labels.input_spatial),
          kernel.dim(static_cast<size_t>(labels.kernel_input_feature)),
          kernel.dim(static_cast<size_t>(labels.kernel_output_feature)),
          sizes_of(kernel, labels.kernel_spatial)};
}

void check_groups(const Instruction& i, const ConvSizes& s) {
  const auto& a = i.attrs<ConvolutionAttrs>();
  const int64_t features = a.feature_group_count;
  const int64_t batches = a.batch_group_count;
  require(features >= 1 && batches >= 1, i,
          "feature_group_count is {}, batch_group_count is {}, both must be at least 1", features, batches);
  require(features == 1 || batches == 1, i, "feature_group_count is {}, batch_group_count is {}, one of them must be 1",
          features, batches);
  require(s.input_feature % features == 0 && s.input_feature / features == s.kernel_input_feature, i,
          "the input has {} features in feature_group_count={} groups, the kernel takes {}", s.input_feature, features,
          s.kernel_input_feature);
  require(s.kernel_output_feature % features == 0, i,
          "the kernel makes {} features, which feature_group_count={} does not divide", s.kernel_output_feature,
          features);
  require(s.kernel_output_feature % batches == 0, i,
          "the kernel makes {} features, which batch_group_count={} does not divide", s.kernel_output_feature, batches);
  require(s.batch % batches == 0, i, "the input's batch is {}, which batch_group_count={} does not divide", s.batch,
          batches);
}

}  // namespace

Shape infer_convolution(const Instruction& i) {
  const auto& a = i.attrs<ConvolutionAttrs>();
  const ConvSizes sizes = conv_sizes(i);
  check_groups(i, sizes);
  require(a.window.dims.size() == sizes.kernel_spatial.size(), i,
          "the window has {} dimensions, dim_labels have {} spatial ones", a.window.dims.size(),
          sizes.kernel_spatial.size());
  for (size_t d = 0; d < sizes.kernel_spatial.size(); ++d) {
    require(a.window.dims[d].size == sizes.kernel_spatial[d], i,
            "the window's dimension {} has size {}, the kernel's has size {}", d, a.window.dims[d].size,
            sizes.kernel_spatial[d]);
  }
  const Dims spatial = window_output(i, sizes.input_spatial, a.window);
  Dims dims(spatial.size() + 2);
  dims[static_cast<size_t>(a.dim_labels.output_batch)] = sizes.batch / a.batch_group_count;
  dims[static_cast<size_t>(a.dim_labels.output_feature)] = sizes.kernel_output_feature;
  for (size_t d = 0; d < spatial.size(); ++d) dims[static_cast<size_t>(a.dim_labels.output_spatial[d])] = spatial[d];
  return Shape(product_type(i), dims);
}

}  // namespace gshard
