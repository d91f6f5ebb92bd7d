// Ops that move a window over cut dimensions: slice, pad, reduce-window and convolution.
//
// Along each dimension output o lies on the operand's elements i for which, at some tap t of the window,
//
//   o * stride + t * window_dilation - pad_low == i * base_dilation
//
// A slice is a window of one tap with a stride and negative padding, a pad one with base dilation. Each device fetches
// the elements that its outputs lie on and does the op with the padding that is left.
#include <algorithm>
#include <numeric>

#include "base/ceil_div.h"
#include "ops/reducer.h"
#include "shard/exchange.h"
#include "shard/localize_attributes.h"
#include "shard/ways.h"

namespace gshard {
namespace {

// One dimension of an op as a window.
struct WindowedPair {
  DimPair dims;
  WindowDim window;
};

std::vector<WindowedPair> windows_of_slice(const Instruction& i) {
  const SliceRanges& slice = i.attrs<SliceAttrs>().slice;
  std::vector<WindowedPair> pairs;
  for (size_t d = 0; d < slice.starts.size(); ++d) {
    WindowDim window;
    window.stride = slice.strides[d];
    window.pad_low = -slice.starts[d];
    window.pad_high = slice.limits[d] - i.operand(0)->shape().dim(d);
    pairs.push_back({{0, d, d}, window});
  }
  return pairs;
}

std::vector<WindowedPair> windows_of_pad(const Instruction& i) {
  std::vector<WindowedPair> pairs;
  for (const PaddingDim& padding : i.attrs<PadAttrs>().padding.dims) {
    WindowDim window;
    window.pad_low = padding.low;
    window.pad_high = padding.high;
    window.base_dilation = padding.interior + 1;
    pairs.push_back({{0, pairs.size(), pairs.size()}, window});
  }
  return pairs;
}

std::vector<WindowedPair> windows_of_reduce(const Instruction& i) {
  std::vector<WindowedPair> pairs;
  for (size_t operand = 0; operand < i.operand_count() / 2; ++operand) {
    const std::vector<WindowDim>& windows = i.attrs<WindowAttrs>().window.dims;
    for (size_t d = 0; d < windows.size(); ++d) pairs.push_back({{operand, d, d}, windows[d]});
  }
  return pairs;
}

std::vector<WindowedPair> windows_of_convolution(const Instruction& i) {
  const auto& attrs = i.attrs<ConvolutionAttrs>();
  std::vector<WindowedPair> pairs;
  for (size_t s = 0; s < attrs.window.dims.size(); ++s) {
    const DimPair dims{0, static_cast<size_t>(attrs.dim_labels.input_spatial[s]),
                       static_cast<size_t>(attrs.dim_labels.output_spatial[s])};
    pairs.push_back({dims, attrs.window.dims[s]});
  }
  return pairs;
}

std::vector<WindowedPair> windows_of(const Instruction& i) {
  switch (i.op()) {
    case Op::slice:
      return windows_of_slice(i);
    case Op::pad:
      return windows_of_pad(i);
    case Op::reduce_window:
      return windows_of_reduce(i);
    default:
      return windows_of_convolution(i);
  }
}

// ---- one dimension of one device --------------------------------------------------------------------------------

// Outputs begin at multiples of the fewest that move the window by whole elements of a dilated operand, so that the
// window lies on the same places on all devices; `skipped` are made and thrown away.
struct LocalWindow {
  WindowDim window;  // over what was fetched
  int64_t fetched = 0;
  int64_t outputs = 0;
  std::vector<Interval> wanted;
  std::vector<std::optional<int64_t>> skipped;
};

// The number of elements, `dilation` apart from 0 on, in `span` places.
int64_t elements_in(int64_t span, int64_t dilation) { return span <= 0 ? 0 : (span - 1) / dilation + 1; }

LocalWindow local_window(const WindowDim& w, const ShiftCut& cut) {
  const int64_t step = w.base_dilation / std::gcd(w.stride, w.base_dilation);
  const int64_t reach = (w.size - 1) * w.window_dilation;
  LocalWindow local;
  local.window = w;
  for (int64_t i = 0; i < cut.parts; ++i) {
    const int64_t skipped = i * cut.result_part % step;
    const int64_t place = (i * cut.result_part - skipped) * w.stride - w.pad_low;
    const int64_t first = ceil_div(place, w.base_dilation);
    const int64_t gap = first * w.base_dilation - place;
    const int64_t outputs = cut.results_of(i);
    const int64_t span = (skipped + outputs - 1) * w.stride + reach + 1;
    local.window.pad_low = gap;
    local.wanted.push_back({first, outputs == 0 ? 0 : elements_in(span - gap, w.base_dilation)});
    local.skipped.emplace_back(skipped);
    local.outputs = std::max(local.outputs, skipped + cut.result_part);
  }
  const int64_t span = (local.outputs - 1) * w.stride + reach + 1;
  local.fetched = elements_in(span - local.window.pad_low, w.base_dilation);
  const int64_t dilated = local.fetched == 0 ? 0 : (local.fetched - 1) * w.base_dilation + 1;
  local.window.pad_high = span - local.window.pad_low - dilated;
  return local;
}

// ---- the whole op -----------------------------------------------------------------------------------------------

Exchange exchange_for(const LocalWindow& local, const ShiftCut& cut, const DimPair& dims) {
  Exchange exchange = exchange_of(cut, dims, local.fetched);
  exchange.remap.wanted = local.wanted;
  return exchange;
}

std::vector<Exchange> exchanges_of(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  std::vector<Exchange> exchanges;
  for (const WindowedPair& pair : windows_of(op.instruction)) {
    const auto cut = find_cut(op, plan, mesh, pair.dims);
    if (cut) exchanges.push_back(exchange_for(local_window(pair.window, *cut), *cut, pair.dims));
  }
  return exchanges;
}

std::vector<Sending> sent_by_window(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  return sendings_of(exchanges_of(op, plan, mesh), op, plan, mesh);
}

// Puts the local window of dimension number `at` of the op's windows into its attributes.
struct SetWindow {
  size_t at;
  const LocalWindow& local;

  void operator()(SliceAttrs& attrs) const {
    attrs.slice.starts[at] = 0;
    attrs.slice.limits[at] = local.fetched;
  }
  void operator()(PadAttrs& attrs) const {
    attrs.padding.dims[at].low = local.window.pad_low;
    attrs.padding.dims[at].high = local.window.pad_high;
  }
  void operator()(WindowAttrs& attrs) const { attrs.window.dims[at] = local.window; }
  void operator()(ConvolutionAttrs& attrs) const { attrs.window.dims[at] = local.window; }
  template <class Struct>
  void operator()(Struct&) const {
    GSHARD_CHECK(false, "an op without windows");
  }
};

// What stands beyond the ends of the operand; null where nothing does.
Instruction* fill_of(const LocalOp& op) {
  const DType type = op.operands[0]->shape().type();
  switch (op.instruction.op()) {
    case Op::pad:
      return op.operands[1];
    case Op::convolution:
      return op.emitter.neutral(Reducer::add, type);
    case Op::reduce_window: {
      const Reducer reducer = op.operands.size() == 2 ? reducer_of(*op.instruction.callees()[0]) : Reducer::none;
      return reducer == Reducer::none ? nullptr : op.emitter.neutral(reducer, type);
    }
    default:
      return nullptr;
  }
}

// What was fetched is often the result already. What was not fetched stays the operand's value, not the result's: the
// two have other padding.
bool is_result(const LocalOp& op, Instruction* fetched, const Attributes& attributes, const Shape& result) {
  if (fetched == op.operands[0] || !(fetched->shape() == result)) return false;
  const auto* pad = std::get_if<PadAttrs>(&attributes);
  const auto is_zero = [](const PaddingDim& padding) { return padding == PaddingDim{}; };
  if (pad != nullptr) return std::all_of(pad->padding.dims.begin(), pad->padding.dims.end(), is_zero);
  return std::holds_alternative<SliceAttrs>(attributes);
}

std::vector<Instruction*> localize_windowed(const LocalOp& op) {
  const Mesh& mesh = op.emitter.mesh();
  const std::vector<WindowedPair> pairs = windows_of(op.instruction);
  Attributes attributes = localized_attributes(op);
  std::vector<Shape> leaves;
  for (size_t leaf = 0; leaf < op.context.result_shapes.size(); ++leaf) leaves.push_back(op.result_shape(leaf));
  LocalOp local = op;
  run_exchanges(exchanges_of(op.context, op.plan, mesh), fill_of(op), local);
  for (size_t at = 0; at < pairs.size(); ++at) {
    const auto cut = find_cut(op.context, op.plan, mesh, pairs[at].dims);
    if (!cut || pairs[at].dims.operand != 0) continue;
    const LocalWindow window = local_window(pairs[at].window, *cut);
    std::visit(SetWindow{at, window}, attributes);
    for (Shape& leaf : leaves) {
      Dims dims = leaf.dims();
      dims[pairs[at].dims.result_dim] = window.outputs;
      leaf = leaf.with_dims(dims);
    }
  }
  std::vector<Instruction*> results = {local.operands[0]};
  if (!is_result(op, local.operands[0], attributes, leaves[0])) results = emit_op(local, std::move(attributes), leaves);
  for (const WindowedPair& pair : pairs) {
    const auto cut = find_cut(op.context, op.plan, mesh, pair.dims);
    if (!cut || pair.dims.operand != 0) continue;
    const LocalWindow window = local_window(pair.window, *cut);
    for (Instruction*& result : results) {
      result = op.emitter.slice_at(result, pair.dims.result_dim, cut->digits, window.skipped, cut->result_part);
    }
  }
  return results;
}

// ---- which dimensions may be cut --------------------------------------------------------------------------------

// Whether any place of the window lies on padding.
bool touches_padding(const WindowDim& w, int64_t outputs, int64_t inputs) {
  const int64_t first = -w.pad_low;
  const int64_t last = (outputs - 1) * w.stride + (w.size - 1) * w.window_dilation - w.pad_low;
  return first < 0 || last > (inputs - 1) * w.base_dilation;
}

// Padding is passed over by a reduction: it can only be fetched as the neutral element of a reducer that has one.
bool can_be_fetched(const Instruction& i, const WindowedPair& pair) {
  const Shape& result = i.shape().is_tuple() ? i.shape().element(0) : i.shape();
  const int64_t inputs = i.operand(pair.dims.operand)->shape().dim(pair.dims.operand_dim);
  const int64_t outputs = result.dim(pair.dims.result_dim);
  const WindowDim& w = pair.window;
  if (!are_moderate({w.size, w.stride, w.pad_low, w.pad_high, w.base_dilation, w.window_dilation, inputs, outputs}))
    return false;
  if (i.op() != Op::reduce_window || !touches_padding(w, outputs, inputs)) return true;
  return i.operand_count() == 2 && reducer_of(*i.callees()[0]) != Reducer::none;
}

}  // namespace

std::vector<Way> ways_of_windowed(const Instruction& instruction) {
  Rule rule = rule_of(instruction);
  for (const WindowedPair& pair : windows_of(instruction)) {
    Factor& factor = rule.factors[static_cast<size_t>(rule.operands[pair.dims.operand][pair.dims.operand_dim][0])];
    if (factor.kind == FactorKind::shift && !can_be_fetched(instruction, pair)) factor.kind = FactorKind::whole;
  }
  return {plain_way(instruction), {std::move(rule), localize_windowed, sent_by_window}};
}

}  // namespace gshard
