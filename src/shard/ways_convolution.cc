// Convolutions whose window is cut: the gradient of a filter, where the window is as large as the image and the result
// as small as the filter. Each device does its part of the window, over the elements that these taps lie on, and the
// result is partial.
//
//   out[o] = sum over taps t of in[o * stride + t * dilation - pad] * window[t]
#include "shard/exchange.h"
#include "shard/localize_attributes.h"
#include "shard/ways.h"

namespace gshard {
namespace {

// The dimensions of the input, the kernel and the result that one dimension of the window moves over.
struct WindowDims {
  size_t input = 0;
  size_t kernel = 0;
  size_t result = 0;
};

WindowDims dims_of(const ConvolutionAttrs& attrs, size_t s) {
  const ConvDimensions& labels = attrs.dim_labels;
  return {static_cast<size_t>(labels.input_spatial[s]), static_cast<size_t>(labels.kernel_spatial[s]),
          static_cast<size_t>(labels.output_spatial[s])};
}

bool can_be_cut(const Instruction& i, size_t s) {
  const auto& attrs = i.attrs<ConvolutionAttrs>();
  const WindowDim& w = attrs.window.dims[s];
  const WindowDims dims = dims_of(attrs, s);
  return w.size > 1 && w.base_dilation == 1 && !w.reversal &&
         are_moderate({w.size, w.stride, w.pad_low, w.pad_high, w.window_dilation,
                       i.operand(0)->shape().dim(dims.input), i.shape().dim(dims.result)});
}

// Taps are a loop that is added up; the input's elements are its affine image.
std::optional<Rule> rule_of_taps(const Instruction& i) {
  const auto& attrs = i.attrs<ConvolutionAttrs>();
  Rule rule = plain_way(i).rule;
  bool any = false;
  for (size_t s = 0; s < attrs.window.dims.size(); ++s) {
    const WindowDims dims = dims_of(attrs, s);
    const FactorId taps = rule.operands[0][dims.input][0];
    if (!can_be_cut(i, s) || rule.factors[static_cast<size_t>(taps)].kind == FactorKind::parallel) continue;
    // The two loops, over outputs and over taps, change places.
    const FactorId outputs = rule.operands[1][dims.kernel][0];
    rule.factors[static_cast<size_t>(taps)] = {FactorKind::reduce, attrs.window.dims[s].size, Reducer::add};
    rule.factors[static_cast<size_t>(outputs)] = {FactorKind::whole, i.shape().dim(dims.result), Reducer::none};
    rule.operands[1][dims.kernel] = {taps};
    rule.results[0][dims.result] = {outputs};
    any = true;
  }
  return any ? std::optional(rule) : std::nullopt;
}

// One cut dimension of the window.
struct TapCut {
  size_t at = 0;     // among the dimensions of the window
  int64_t taps = 0;  // of each device
  Exchange exchange;
};

std::vector<TapCut> cuts_of(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  const auto& attrs = op.instruction.attrs<ConvolutionAttrs>();
  std::vector<TapCut> cuts;
  for (size_t s = 0; s < attrs.window.dims.size(); ++s) {
    const WindowDims dims = dims_of(attrs, s);
    const auto factor = static_cast<size_t>(plan.way->rule.operands[0][dims.input][0]);
    const Digits& digits = plan.cut[factor];
    if (plan.way->rule.factors[factor].kind != FactorKind::reduce || digits.empty()) continue;
    const WindowDim& w = attrs.window.dims[s];
    const int64_t parts = mesh.size_of(digits);
    const int64_t size = op.operand_shapes[0].dim(dims.input);
    TapCut cut{s, (w.size - 1) / parts + 1, {}};
    const int64_t length =
        (op.result_shapes[0].dim(dims.result) - 1) * w.stride + (cut.taps - 1) * w.window_dilation + 1;
    cut.exchange = {0, {dims.input, digits, size, (size - 1) / parts + 1, length, {}}};
    // All of it must be numbers: taps that pad the window are zeros, but zero times garbage is garbage.
    for (int64_t i = 0; i < parts; ++i)
      cut.exchange.remap.wanted.push_back({i * cut.taps * w.window_dilation - w.pad_low, length});
    cuts.push_back(std::move(cut));
  }
  return cuts;
}

std::vector<Sending> sent_by_taps(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  std::vector<Exchange> exchanges;
  for (TapCut& cut : cuts_of(op, plan, mesh)) exchanges.push_back(std::move(cut.exchange));
  return sendings_of(exchanges, op, plan, mesh);
}

std::vector<Instruction*> localize_taps(const LocalOp& op) {
  LocalOp local = op;
  Attributes attributes = localized_attributes(op);
  Instruction* zero = op.emitter.neutral(Reducer::add, op.operands[0]->shape().type());
  for (const TapCut& cut : cuts_of(op.context, op.plan, op.emitter.mesh())) {
    run_exchanges({cut.exchange}, zero, local);
    WindowDim& window = std::get<ConvolutionAttrs>(attributes).window.dims[cut.at];
    window.size = cut.taps;
    window.pad_low = window.pad_high = 0;
  }
  return emit_op(local, std::move(attributes), {op.result_shape()});
}

}  // namespace

std::vector<Way> ways_of_convolution(const Instruction& instruction) {
  std::vector<Way> ways = ways_of_windowed(instruction);
  if (auto rule = rule_of_taps(instruction)) ways.push_back({std::move(*rule), localize_taps, sent_by_taps});
  return ways;
}

}  // namespace gshard
