// Select-and-scatter along cut dimensions (the gradient of max pooling). An element gets what the windows that select
// it bring, so each device fetches the windows that lie on its part of the result, whole, and what they bring.
#include <algorithm>

#include "eval/elements.h"
#include "ops/reducer.h"
#include "shard/exchange.h"
#include "shard/localize_attributes.h"
#include "shard/ways.h"

namespace gshard {
namespace {

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// One cut dimension of one device: windows [first, first + count) of its own numbering of the source.
struct LocalWindows {
  WindowDim window;  // over what was fetched
  int64_t fetched = 0;
  int64_t count = 1;
  std::vector<Interval> elements;
  std::vector<Interval> sources;
  std::vector<std::optional<int64_t>> results;  // where the part begins in what was fetched
};

LocalWindows local_windows(const WindowDim& w, const ShiftCut& cut) {
  LocalWindows local;
  for (int64_t i = 0; i < cut.parts; ++i) {
    const int64_t begin = i * cut.result_part;
    const int64_t real = cut.results_of(i);
    // From the first window that reaches the part, or begins no later than it, to the last that begins in it.
    const int64_t at_begin = floor_div(begin + w.pad_low, w.stride);
    const int64_t first = std::min(at_begin, -floor_div(w.size - 1 - begin - w.pad_low, w.stride));
    const int64_t count = floor_div(begin + real - 1 + w.pad_low, w.stride) - first + 1;
    const int64_t place = first * w.stride - w.pad_low;
    const bool is_needed = real > 0 && count > 0;
    local.elements.push_back({place, is_needed ? (count - 1) * w.stride + w.size : 0});
    local.sources.push_back({first, is_needed ? count : 0});
    local.results.emplace_back(begin - place);
    local.count = std::max(local.count, is_needed ? count : 0);
    local.fetched = std::max(local.fetched, begin - place + cut.result_part);
  }
  const int64_t span = (local.count - 1) * w.stride + w.size;
  local.fetched = std::max(local.fetched, span);
  local.window = w;
  local.window.pad_low = 0;
  local.window.pad_high = span - local.fetched;
  return local;
}

// Whether some window lies on padding.
bool touches_padding(const Instruction& i, size_t d) {
  const WindowDim& w = i.attrs<WindowAttrs>().window.dims[d];
  const int64_t last = (i.operand(1)->shape().dim(d) - 1) * w.stride + w.size - 1 - w.pad_low;
  return w.pad_low > 0 || last >= i.shape().dim(d);
}

// The reducer whose neutral element is never selected before another: max for a >= b and a > b, min for the opposite.
Reducer selected_first(const Computation& select) {
  const Instruction& root = *select.root();
  const bool compares =
      root.op() == Op::compare && root.operand(0)->op() == Op::parameter && root.operand(1)->op() == Op::parameter &&
      root.operand(0)->attrs<ParameterAttrs>().number == 0 && root.operand(1)->attrs<ParameterAttrs>().number == 1;
  if (!compares || root.attrs<CompareAttrs>().type != ComparisonType::automatic) return Reducer::none;
  switch (root.attrs<CompareAttrs>().direction) {
    case Direction::GE:
    case Direction::GT:
      return Reducer::max;
    case Direction::LE:
    case Direction::LT:
      return Reducer::min;
    default:
      return Reducer::none;
  }
}

// The largest finite number; 0 for types that have no infinite one beyond it here.
double largest_finite(DType type) {
  switch (type) {
    case DType::f64:
      return 0x1.fffffffffffffp1023;
    case DType::f32:
      return 0x1.fffffep127;
    case DType::bf16:
      return 0x1.fep127;
    case DType::f16:
      return 65504;
    default:
      return 0;
  }
}

std::vector<size_t> cut_dims(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  std::vector<size_t> dims;
  for (size_t d = 0; d < op.result_shapes[0].rank(); ++d) {
    if (find_cut(op, plan, mesh, {0, d, d})) dims.push_back(d);
  }
  return dims;
}

struct Exchanges {
  std::vector<Exchange> elements;
  std::vector<Exchange> sources;
};

Exchanges exchanges_of(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  Exchanges all;
  for (const size_t d : cut_dims(op, plan, mesh)) {
    const DimPair element_dims{0, d, d};
    const DimPair source_dims{1, d, d};
    const ShiftCut cut = *find_cut(op, plan, mesh, element_dims);
    const LocalWindows local = local_windows(op.instruction.attrs<WindowAttrs>().window.dims[d], cut);
    all.elements.push_back(exchange_of(cut, element_dims, local.fetched));
    all.elements.back().remap.wanted = local.elements;
    all.sources.push_back(exchange_of(*find_cut(op, plan, mesh, source_dims), source_dims, local.count));
    all.sources.back().remap.wanted = local.sources;
  }
  return all;
}

std::vector<Sending> sent_by_select_and_scatter(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  const Exchanges all = exchanges_of(op, plan, mesh);
  std::vector<Sending> sendings = sendings_of(all.elements, op, plan, mesh);
  for (Sending& sending : sendings_of(all.sources, op, plan, mesh)) sendings.push_back(std::move(sending));
  return sendings;
}

// Padding is passed over by the selection. It is fetched as infinitely bad, next to which all elements are finite; the
// operand is only compared, so nobody sees that.
Instruction* fill_of_elements(LocalOp& op, const std::vector<size_t>& dims) {
  const bool padded =
      std::any_of(dims.begin(), dims.end(), [&](size_t d) { return touches_padding(op.instruction, d); });
  if (!padded) return nullptr;
  Instruction*& elements = op.operands[0];
  const Shape shape = elements->shape().without_layout();
  const Reducer better = selected_first(*op.instruction.callees()[0]);
  const double limit = largest_finite(shape.type()) * (better == Reducer::max ? -1 : 1);
  const ConstantAttrs number{convert_elements(Literal::scalar(DType::f64, limit), shape.type())};
  Instruction* worst = op.emitter.add(Op::constant, Shape(shape.type()), {}, number);
  elements = op.emitter.add(op_of(better), shape, {elements, op.emitter.broadcast_scalar(worst, shape)});
  return op.emitter.neutral(better, shape.type());
}

std::vector<Instruction*> localize_select_and_scatter(const LocalOp& op) {
  const Mesh& mesh = op.emitter.mesh();
  const std::vector<size_t> dims = cut_dims(op.context, op.plan, mesh);
  if (dims.empty()) return localize_plain(op);
  LocalOp local = op;
  Instruction* fill = fill_of_elements(local, dims);
  const Exchanges exchanges = exchanges_of(op.context, op.plan, mesh);
  run_exchanges(exchanges.elements, fill, local);
  const Reducer scatter = reducer_of(*op.instruction.callees()[1]);
  run_exchanges(exchanges.sources, op.emitter.neutral(scatter, op.instruction.shape().type()), local);
  auto attrs = op.instruction.attrs<WindowAttrs>();
  for (const size_t d : dims) {
    attrs.window.dims[d] = local_windows(attrs.window.dims[d], *find_cut(op.context, op.plan, mesh, {0, d, d})).window;
  }
  Instruction* result = emit_op(local, attrs, {local.operands[0]->shape().without_layout()})[0];
  for (const size_t d : dims) {
    const ShiftCut cut = *find_cut(op.context, op.plan, mesh, {0, d, d});
    const LocalWindows windows = local_windows(op.instruction.attrs<WindowAttrs>().window.dims[d], cut);
    result = op.emitter.slice_at(result, d, cut.digits, windows.results, cut.result_part);
  }
  return {result};
}

bool can_be_fetched(const Instruction& i, size_t d) {
  const WindowDim& w = i.attrs<WindowAttrs>().window.dims[d];
  if (!are_moderate({w.size, w.stride, w.pad_low, w.pad_high, i.shape().dim(d)})) return false;
  if (w.base_dilation != 1 || w.window_dilation != 1) return false;
  if (!touches_padding(i, d)) return true;
  return selected_first(*i.callees()[0]) != Reducer::none && largest_finite(i.shape().type()) != 0;
}

}  // namespace

std::vector<Way> ways_of_select_and_scatter(const Instruction& instruction) {
  std::vector<Way> ways = {plain_way(instruction)};
  if (reducer_of(*instruction.callees()[1]) == Reducer::none) return ways;
  Rule rule = rule_of(instruction);
  for (size_t d = 0; d < rule.results[0].size(); ++d) {
    Factor& factor = rule.factors[static_cast<size_t>(rule.results[0][d][0])];
    if (factor.kind == FactorKind::shift && !can_be_fetched(instruction, d)) factor.kind = FactorKind::whole;
  }
  ways.push_back({std::move(rule), localize_select_and_scatter, sent_by_select_and_scatter});
  return ways;
}

}  // namespace gshard
