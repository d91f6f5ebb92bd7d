// Cumulative reductions along a cut dimension: windows that reach from every element to one end of it.
//
//   f32[8] in 2 parts: running sums   [1 2 3 4][5 6 7 8]  ->  [1 3 6 10][5 11 18 26]   of each part
//                      totals         gathered: [10 26]; part 1 adds those before it    [15 21 28 36]
#include "ops/reducer.h"
#include "shard/exchange.h"
#include "shard/localize_attributes.h"
#include "shard/ways.h"

namespace gshard {
namespace {

enum class End : uint8_t { first, last };

// The end that every window along a dimension of `size` elements begins or stops at, if there is one.
std::optional<End> cumulative_end(const WindowDim& w, int64_t size) {
  if (size < 2 || w.size < size || w.stride != 1 || w.base_dilation != 1 || w.window_dilation != 1) return std::nullopt;
  if (w.pad_low == w.size - 1 && w.pad_high == 0) return End::first;
  if (w.pad_low == 0 && w.pad_high == w.size - 1) return End::last;
  return std::nullopt;
}

struct CumulativeDim {
  size_t dim = 0;
  End end = End::first;
};

std::optional<CumulativeDim> find_cumulative(const Instruction& i) {
  if (i.operand_count() != 2 || reducer_of(*i.callees()[0]) == Reducer::none) return std::nullopt;
  const std::vector<WindowDim>& windows = i.attrs<WindowAttrs>().window.dims;
  for (size_t d = 0; d < windows.size(); ++d) {
    if (const auto end = cumulative_end(windows[d], i.shape().dim(d))) return CumulativeDim{d, *end};
  }
  return std::nullopt;
}

// One element for each part of the dimension, where the part's results are.
std::vector<Sending> sent_by_cumulative(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  const size_t dim = find_cumulative(op.instruction)->dim;
  const auto cut = find_cut(op, plan, mesh, {0, dim, dim});
  if (!cut) return {};
  const Dims local = shard_sizes(op.operand_shapes[0].dims(), operand_sharding(op, plan, 0), mesh);
  double row = static_cast<double>(bytes_of(op.operand_shapes[0].type()));
  for (size_t d = 0; d < local.size(); ++d) row *= d == dim ? 1.0 : static_cast<double>(local[d]);
  return {{row * static_cast<double>(cut->parts - 1), doublings(cut->parts), cut->digits}};
}

class CumulativeWriter {
 public:
  CumulativeWriter(const LocalOp& op, const CumulativeDim& along, const ShiftCut& cut)
      : op_(op), emitter_(op.emitter), along_(along), cut_(cut), reducer_(reducer_of(*op.instruction.callees()[0])) {}

  std::vector<Instruction*> run() {
    const DType type = op_.operands[0]->shape().type();
    neutral_ = emitter_.neutral(reducer_, type);
    Instruction* within = reduce_part();
    Instruction* before = reduce_totals(within);
    Dims others;
    for (size_t d = 0; d < within->shape().rank(); ++d) {
      if (d != along_.dim) others.push_back(static_cast<int64_t>(d));
    }
    const Shape shape = within->shape().without_layout();
    before = emitter_.add(Op::broadcast, shape, {before}, DimensionsAttrs{others});
    return {emitter_.add(op_of(reducer_), shape, {before, within})};
  }

 private:
  // The same within this device's part, from the neutral element. What pads the last part stands after all others.
  Instruction* reduce_part() {
    LocalOp local = op_;
    if (along_.end == End::last) {
      local.operands[0] = emitter_.mask(local.operands[0], along_.dim, cut_.digits, cut_.operand_size, neutral_);
    }
    local.operands[1] = neutral_;
    auto attrs = op_.instruction.attrs<WindowAttrs>();
    WindowDim& window = attrs.window.dims[along_.dim];
    window.size = cut_.operand_part;
    window.pad_low = along_.end == End::first ? window.size - 1 : 0;
    window.pad_high = along_.end == End::first ? 0 : window.size - 1;
    return emit_op(local, attrs, {op_.result_shape()})[0];
  }

  // What the parts between this one and the end come to, with the op's init value.
  Instruction* reduce_totals(Instruction* within) {
    const bool from_first = along_.end == End::first;
    Instruction* total = emitter_.slice(within, along_.dim, from_first ? cut_.operand_part - 1 : 0, 1);
    Instruction* totals = emitter_.all_gather(total, along_.dim, cut_.digits);
    std::vector<std::optional<int64_t>> distance;
    for (int64_t i = 0; i < cut_.parts; ++i) distance.emplace_back(-i);
    const Bounds bounds = from_first ? Bounds{std::nullopt, 0} : Bounds{1, std::nullopt};
    totals = emitter_.keep_within(totals, along_.dim, emitter_.tabulated(cut_.digits, distance), bounds, neutral_);
    Dims dims = totals->shape().dims();
    dims.erase(dims.begin() + along_.dim);
    Instruction* reduced = emitter_.add(Op::reduce, totals->shape().with_dims(dims), {totals, op_.operands[1]},
                                        DimensionsAttrs{{static_cast<int64_t>(along_.dim)}});
    reduced->mutable_callees().push_back(emitter_.program().reducer_computation(reducer_, totals->shape().type()));
    return reduced;
  }

  const LocalOp& op_;
  Emitter& emitter_;
  const CumulativeDim along_;
  const ShiftCut& cut_;
  const Reducer reducer_;
  Instruction* neutral_ = nullptr;
};

std::vector<Instruction*> localize_cumulative(const LocalOp& op) {
  const CumulativeDim along = *find_cumulative(op.instruction);
  const auto cut = find_cut(op.context, op.plan, op.emitter.mesh(), {0, along.dim, along.dim});
  return cut ? CumulativeWriter(op, along, *cut).run() : localize_plain(op);
}

}  // namespace

std::vector<Way> ways_of_reduce_window(const Instruction& instruction) {
  std::vector<Way> ways = ways_of_windowed(instruction);
  const auto along = find_cumulative(instruction);
  if (!along) return ways;
  Rule rule = plain_way(instruction).rule;
  rule.factors[static_cast<size_t>(rule.results[0][along->dim][0])].kind = FactorKind::shift;
  ways.push_back({std::move(rule), localize_cumulative, sent_by_cumulative});
  return ways;
}

}  // namespace gshard
