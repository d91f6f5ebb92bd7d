#include "backend/cpu/convolution.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "backend/cpu/matmul.h"
#include "backend/cpu/onednn.h"
#include "eval/strided.h"
#include "ir/dims.h"

namespace gshard::cpu {
namespace {

using dnnl::memory;

// Work below which a second thread does not pay.
constexpr double kSmallConvolution = 4e6;
constexpr int64_t kMostParts = 16;
// Each part of a kernel's gradient is a kernel of its own, to be added up.
constexpr int64_t kMostSums = 4;

bool is_dilated(const Window& window) {
  return std::any_of(window.dims.begin(), window.dims.end(), [](const WindowDim& d) { return d.base_dilation > 1; });
}

ConvolutionKind kind_of(const Instruction& x) {
  const auto& attrs = x.attrs<ConvolutionAttrs>();
  if (is_dilated(attrs.window)) return ConvolutionKind::of_input;
  // A kernel larger than the result is what came out of a forward convolution.
  int64_t kernel = 1;
  int64_t result = 1;
  for (size_t i = 0; i < attrs.window.dims.size(); ++i) {
    kernel *= attrs.window.dims[i].size;
    result *= x.shape().dim(static_cast<size_t>(attrs.dim_labels.output_spatial[i]));
  }
  const bool is_gradient = attrs.batch_group_count > 1 || (kernel > result && attrs.feature_group_count == 1);
  return is_gradient ? ConvolutionKind::of_kernel : ConvolutionKind::forward;
}

Dims order_of(int64_t first, const Dims& spatial, int64_t last) {
  Dims order{first};
  for (int64_t d : spatial) order.push_back(d);
  order.push_back(last);
  return order;
}

int64_t size_at(const Shape& shape, int64_t d) { return shape.dim(static_cast<size_t>(d)); }

int64_t extent_of(int64_t size, int64_t dilation) { return (size - 1) * dilation + 1; }

}  // namespace

ConvolutionOrder wanted_order(const Instruction& x) {
  const ConvDimensions& at = x.attrs<ConvolutionAttrs>().dim_labels;
  const Dims output = order_of(at.output_batch, at.output_spatial, at.output_feature);
  if (kind_of(x) == ConvolutionKind::of_kernel) {
    return {order_of(at.input_feature, at.input_spatial, at.input_batch),
            order_of(at.kernel_input_feature, at.kernel_spatial, at.kernel_output_feature), output};
  }
  Dims kernel(x.operand(1)->shape().rank());
  std::iota(kernel.begin(), kernel.end(), 0);
  return {order_of(at.input_batch, at.input_spatial, at.input_feature), kernel, output,
          kind_of(x) == ConvolutionKind::of_input};
}

namespace {

// What the convolution is, whether oneDNN does it fast or not.
std::optional<ConvolutionSpec> spec_of(const Instruction& x) {
  const auto& attrs = x.attrs<ConvolutionAttrs>();
  const ConvDimensions& at = attrs.dim_labels;
  const Shape& lhs = x.operand(0)->shape();
  const Shape& rhs = x.operand(1)->shape();
  const ConvolutionOrder order = wanted_order(x);
  const ConvolutionKind kind = kind_of(x);
  const size_t spatial = attrs.window.dims.size();
  if (matmul_engine(x) != MatmulEngine::onednn || spatial < 1 || spatial > 3) return std::nullopt;
  for (const Shape* shape : {&lhs, &rhs, &x.shape()}) {
    if (shape->element_count() == 0) return std::nullopt;
  }
  const bool is_of_kernel = kind == ConvolutionKind::of_kernel;
  if (!std::is_sorted(order.input.begin(), order.input.end())) return std::nullopt;
  if (is_of_kernel && !std::is_sorted(order.kernel.begin(), order.kernel.end())) return std::nullopt;
  if (!is_of_kernel && !std::is_sorted(order.result.begin(), order.result.end())) return std::nullopt;
  if (is_of_kernel ? attrs.feature_group_count > 1 : attrs.batch_group_count > 1) return std::nullopt;

  ConvolutionSpec spec{kind, lhs.type(), x.shape().type(), 1, 1, 1, 1, {}, {}, {}, {}, {}, {}, {}};
  for (const WindowDim& d : attrs.window.dims) {
    const bool strides_fit = kind == ConvolutionKind::of_input ? d.stride == 1 : d.base_dilation == 1;
    const bool is_of_input = kind == ConvolutionKind::of_input;
    if (d.reversal != is_of_input || !strides_fit) return std::nullopt;
    spec.strides.push_back(is_of_input ? d.base_dilation : is_of_kernel ? d.window_dilation : d.stride);
    spec.dilations.push_back(is_of_kernel ? d.stride : d.window_dilation);
    spec.pad_low.push_back(is_of_input ? extent_of(d.size, d.window_dilation) - 1 - d.pad_low : d.pad_low);
    if (spec.pad_low.back() < 0) return std::nullopt;
  }
  // The array that holds the kernel of the forward convolution, and its dimensions there.
  const Dims strides = row_major_strides(is_of_kernel ? x.shape().dims() : rhs.dims());
  const auto stride_at = [&](int64_t d) { return strides[static_cast<size_t>(d)]; };
  const Dims& kernel_spatial = is_of_kernel ? at.output_spatial : at.kernel_spatial;
  switch (kind) {
    case ConvolutionKind::forward:
      spec.images = size_at(lhs, at.input_batch);
      spec.groups = attrs.feature_group_count;
      spec.input_channels = size_at(lhs, at.input_feature);
      spec.result_channels = size_at(rhs, at.kernel_output_feature);
      spec.input = sizes_of(lhs, at.input_spatial);
      spec.result = sizes_of(x.shape(), at.output_spatial);
      spec.kernel = sizes_of(rhs, at.kernel_spatial);
      spec.kernel_strides = {spec.result_channels / spec.groups * stride_at(at.kernel_output_feature),
                             stride_at(at.kernel_output_feature), stride_at(at.kernel_input_feature)};
      break;
    case ConvolutionKind::of_input:
      spec.images = size_at(lhs, at.input_batch);
      spec.groups = attrs.feature_group_count;
      spec.input_channels = size_at(rhs, at.kernel_output_feature);
      spec.result_channels = size_at(lhs, at.input_feature);
      spec.input = sizes_of(x.shape(), at.output_spatial);
      spec.result = sizes_of(lhs, at.input_spatial);
      spec.kernel = sizes_of(rhs, at.kernel_spatial);
      spec.kernel_strides = {spec.input_channels / spec.groups * stride_at(at.kernel_output_feature),
                             stride_at(at.kernel_input_feature), stride_at(at.kernel_output_feature)};
      break;
    case ConvolutionKind::of_kernel:
      spec.images = size_at(lhs, at.input_feature);
      spec.groups = attrs.batch_group_count;
      spec.input_channels = size_at(lhs, at.input_batch);
      spec.result_channels = size_at(rhs, at.kernel_output_feature);
      spec.input = sizes_of(lhs, at.input_spatial);
      spec.result = sizes_of(rhs, at.kernel_spatial);
      spec.kernel = sizes_of(x.shape(), at.output_spatial);
      spec.kernel_strides = {spec.result_channels / spec.groups * stride_at(at.output_feature),
                             stride_at(at.output_feature), stride_at(at.output_batch)};
      break;
  }
  for (int64_t d : kernel_spatial) spec.kernel_strides.push_back(stride_at(d));
  return spec;
}

}  // namespace

// ---- the primitives -------------------------------------------------------------------------------------------------

namespace {

// What oneDNN's descriptors of one number of images say.
struct Descriptors {
  memory::desc input;
  memory::desc kernel;  // in whatever form it is fastest
  memory::desc result;
  memory::dims strides;
  memory::dims dilations;
  memory::dims pad_low;
  memory::dims pad_high;
};

memory::dims channels_last_strides(int64_t channels, const Dims& sizes) {
  memory::dims strides(sizes.size() + 2, 1);
  int64_t step = channels;
  for (size_t d = sizes.size(); d-- > 0;) {
    strides[d + 2] = step;
    step *= sizes[d];
  }
  strides[0] = step;
  return strides;
}

memory::desc images_of(int64_t count, int64_t channels, const Dims& sizes, DType type) {
  memory::dims dims{count, channels};
  dims.insert(dims.end(), sizes.begin(), sizes.end());
  return {dims, dnnl_type(type), channels_last_strides(channels, sizes)};
}

memory::dims kernel_dims(const ConvolutionSpec& spec) {
  memory::dims dims;
  if (spec.groups > 1) dims.push_back(spec.groups);
  dims.push_back(spec.result_channels / spec.groups);
  dims.push_back(spec.input_channels / spec.groups);
  dims.insert(dims.end(), spec.kernel.begin(), spec.kernel.end());
  return dims;
}

struct Types {
  DType input;
  DType kernel;
  DType result;
};

Types types_of(const ConvolutionSpec& spec) {
  switch (spec.kind) {
    case ConvolutionKind::forward:
      return {spec.type, spec.type, spec.result_type};
    case ConvolutionKind::of_input:
      return {spec.result_type, spec.type, spec.type};
    default:
      return {spec.type, DType::f32, spec.type};  // added up in f32
  }
}

Descriptors descriptors_of(const ConvolutionSpec& spec, int64_t images, const Types& types) {
  Descriptors d{images_of(images, spec.input_channels, spec.input, types.input),
                memory::desc(kernel_dims(spec), dnnl_type(types.kernel), memory::format_tag::any),
                images_of(images, spec.result_channels, spec.result, types.result),
                {},
                {},
                {},
                {}};
  for (size_t i = 0; i < spec.kernel.size(); ++i) {
    d.strides.push_back(spec.strides[i]);
    d.dilations.push_back(spec.dilations[i] - 1);
    d.pad_low.push_back(spec.pad_low[i]);
    d.pad_high.push_back((spec.result[i] - 1) * spec.strides[i] + extent_of(spec.kernel[i], spec.dilations[i]) -
                         spec.input[i] - spec.pad_low[i]);
  }
  return d;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr made;
  made.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return made;
}

// A primitive for some of the images.
struct Piece {
  dnnl::primitive primitive;
  Descriptors memory;
  size_t scratch = 0;
  bool is_fast = false;
};

template <class Primitive, class Descriptor>
void make(Piece& piece, const Descriptor& made) {
  piece.primitive = Primitive(made);
  piece.scratch = made.scratchpad_desc().get_size();
  piece.is_fast = std::string(made.impl_info_str()).rfind("ref", 0) != 0;
}

dnnl::convolution_forward::primitive_desc forward_of(const Descriptors& d) {
  return {{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, d.input, d.kernel, d.result,
           d.strides, d.dilations, d.pad_low, d.pad_high},
          attributes(),
          dnnl_engine()};
}

// `kernel` is the form that other pieces have the kernel in; any where there are none.
Piece piece_for(const ConvolutionSpec& spec, int64_t images, const memory::desc* kernel = nullptr) {
  plan_alone();
  Piece piece{{}, descriptors_of(spec, images, types_of(spec))};
  Descriptors& d = piece.memory;
  if (kernel != nullptr) d.kernel = *kernel;
  const auto direct = dnnl::algorithm::convolution_direct;
  if (spec.kind == ConvolutionKind::forward) {
    const auto made = forward_of(d);
    d.kernel = made.weights_desc();
    make<dnnl::convolution_forward>(piece, made);
    return piece;
  }
  // What oneDNN makes gradients of.
  const auto forward = forward_of(descriptors_of(spec, images, {spec.type, spec.type, spec.type}));
  if (spec.kind == ConvolutionKind::of_input) {
    const dnnl::convolution_backward_data::primitive_desc made(
        {direct, d.input, d.kernel, d.result, d.strides, d.dilations, d.pad_low, d.pad_high}, attributes(),
        dnnl_engine(), forward);
    d.kernel = made.weights_desc();
    make<dnnl::convolution_backward_data>(piece, made);
  } else {
    const dnnl::convolution_backward_weights::primitive_desc made(
        {direct, d.input, d.kernel, d.result, d.strides, d.dilations, d.pad_low, d.pad_high}, attributes(),
        dnnl_engine(), forward);
    d.kernel = made.diff_weights_desc();
    make<dnnl::convolution_backward_weights>(piece, made);
  }
  return piece;
}

bool is_fast(const ConvolutionSpec& spec) {
  try {
    return piece_for(spec, spec.images).is_fast;
  } catch (const dnnl::error&) {
    return false;  // oneDNN has no such convolution
  }
}

}  // namespace

std::optional<ConvolutionSpec> convolution_of(const Instruction& x) {
  std::optional<ConvolutionSpec> spec = spec_of(x);
  return spec && is_fast(*spec) ? std::move(spec) : std::nullopt;
}

struct Convolution::State {
  ConvolutionSpec spec;
  int64_t step = 1;  // images of a part
  int64_t count = 1;
  Piece whole;
  Piece last;
  memory::desc plain;  // the kernel as it stands in its array
  dnnl::reorder reorder;
  size_t reorder_scratch = 0;
  int64_t packed = 0;  // bytes of the kernel in oneDNN's form

  const Piece& piece(int64_t part) const { return (part + 1) * step > spec.images ? last : whole; }
  void make_reorder();
};

// Between the array and oneDNN's form of the kernel.
void Convolution::State::make_reorder() {
  memory::dims dims = kernel_dims(spec);
  memory::dims strides(spec.kernel_strides.begin() + (spec.groups > 1 ? 0 : 1), spec.kernel_strides.end());
  const bool is_result = spec.kind == ConvolutionKind::of_kernel;
  plain = memory::desc(dims, dnnl_type(is_result ? spec.result_type : spec.type), strides);
  const memory::desc& inner = whole.memory.kernel;
  const dnnl::reorder::primitive_desc made(dnnl_engine(), is_result ? inner : plain, dnnl_engine(),
                                           is_result ? plain : inner, attributes());
  reorder_scratch = made.scratchpad_desc().get_size();
  reorder = dnnl::reorder(made);
  packed = (static_cast<int64_t>(inner.get_size()) + 63) / 64 * 64;
}

Convolution::Convolution(const ConvolutionSpec& spec) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.spec = spec;
  double work = 2.0 * static_cast<double>(spec.images * spec.input_channels / spec.groups * spec.result_channels);
  for (size_t i = 0; i < spec.kernel.size(); ++i) work *= static_cast<double>(spec.kernel[i] * spec.result[i]);
  const int64_t most = spec.kind == ConvolutionKind::of_kernel ? kMostSums : kMostParts;
  const auto wanted = std::min<int64_t>(most, static_cast<int64_t>(work / kSmallConvolution) + 1);
  s.step = (spec.images + wanted - 1) / wanted;
  s.count = (spec.images + s.step - 1) / s.step;
  s.whole = piece_for(spec, s.step);
  if (const int64_t left = spec.images % s.step; left > 0) s.last = piece_for(spec, left, &s.whole.memory.kernel);
  s.make_reorder();
}

Convolution::~Convolution() = default;
Convolution::Convolution(Convolution&&) noexcept = default;

int64_t Convolution::parts() const { return state_->count; }

int64_t Convolution::workspace_bytes() const {
  const bool is_sum = state_->spec.kind == ConvolutionKind::of_kernel;
  return state_->packed * (is_sum ? state_->count : 1);
}

std::string Convolution::describe() const {
  const ConvolutionSpec& s = state_->spec;
  constexpr const char* kNames[] = {"convolution", "convolution's gradient of the input",
                                    "convolution's gradient of the kernel"};
  return fmt::format("{} {} x [{},{}] [{},{},{}] {} -> {}", kNames[static_cast<size_t>(s.kind)], s.images,
                     fmt::join(s.input, ","), s.input_channels, fmt::join(s.kernel, ","), s.input_channels / s.groups,
                     s.result_channels, name_of(s.type), name_of(s.result_type));
}

void Convolution::prepare(const Arrays& arrays) const {
  const State& s = *state_;
  if (s.spec.kind == ConvolutionKind::of_kernel) return;
  const memory from(s.plain, dnnl_engine(), const_cast<std::byte*>(arrays.rhs));
  const memory to(s.whole.memory.kernel, dnnl_engine(), arrays.workspace);
  execute_alone(s.reorder, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, s.reorder_scratch);
}

void Convolution::run(const Arrays& arrays, int64_t part) const {
  const State& s = *state_;
  const Piece& piece = s.piece(part);
  const Descriptors& d = piece.memory;
  // Of one image.
  const auto offset = [&](const memory::desc& images) {
    return static_cast<int64_t>(images.get_size()) / images.dims()[0] * part * s.step;
  };
  const auto images = [&](const memory::desc& desc, const std::byte* base) {
    return memory(desc, dnnl_engine(), const_cast<std::byte*>(base + offset(desc)));
  };
  const auto kernel = [&](int64_t number) {
    return memory(d.kernel, dnnl_engine(), arrays.workspace + number * s.packed);
  };
  switch (s.spec.kind) {
    case ConvolutionKind::forward:
      return execute_alone(piece.primitive,
                           {{DNNL_ARG_SRC, images(d.input, arrays.lhs)},
                            {DNNL_ARG_WEIGHTS, kernel(0)},
                            {DNNL_ARG_DST, images(d.result, arrays.result)}},
                           piece.scratch);
    case ConvolutionKind::of_input:
      return execute_alone(piece.primitive,
                           {{DNNL_ARG_DIFF_SRC, images(d.input, arrays.result)},
                            {DNNL_ARG_WEIGHTS, kernel(0)},
                            {DNNL_ARG_DIFF_DST, images(d.result, arrays.lhs)}},
                           piece.scratch);
    case ConvolutionKind::of_kernel:
      return execute_alone(piece.primitive,
                           {{DNNL_ARG_SRC, images(d.input, arrays.lhs)},
                            {DNNL_ARG_DIFF_WEIGHTS, kernel(part)},
                            {DNNL_ARG_DIFF_DST, images(d.result, arrays.rhs)}},
                           piece.scratch);
  }
}

// Adds up what the parts summed, in their order.
void Convolution::finish(const Arrays& arrays) const {
  const State& s = *state_;
  if (s.spec.kind != ConvolutionKind::of_kernel) return;
  auto* sum = reinterpret_cast<float*>(arrays.workspace);
  const int64_t count = s.packed / static_cast<int64_t>(sizeof(float));
  for (int64_t part = 1; part < s.count; ++part) {
    const float* more = sum + part * count;
    for (int64_t i = 0; i < count; ++i) sum[i] += more[i];
  }
  const memory from(s.whole.memory.kernel, dnnl_engine(), arrays.workspace);
  const memory to(s.plain, dnnl_engine(), arrays.result);
  execute_alone(s.reorder, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, s.reorder_scratch);
}

}  // namespace gshard::cpu
