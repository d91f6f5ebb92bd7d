// Top-k and reductions by combiners that no collective knows, along dimensions that are cut: each device reduces its
// part, the results are gathered, and reduced again.
#include <algorithm>

#include "eval/elements.h"
#include "ops/custom_call.h"
#include "ops/reducer.h"
#include "shard/combiner.h"
#include "shard/plan.h"
#include "shard/ways.h"

namespace gshard {
namespace {

// Of one device's part of a leaf of the result.
double bytes_of_part(const OpContext& op, const OpPlan& plan, size_t leaf, const Mesh& mesh) {
  const Shape& whole = op.result_shapes[leaf];
  return static_cast<double>(
      Shape(whole.type(), shard_sizes(whole.dims(), result_sharding(op, plan, leaf), mesh)).byte_size());
}

// Each device's results on all devices.
std::vector<Sending> sent_to_gather(const OpContext& op, const OpPlan& plan, const Digits& digits, const Mesh& mesh) {
  const int64_t devices = mesh.size_of(digits);
  std::vector<Sending> sendings;
  for (size_t leaf = 0; leaf < op.result_shapes.size(); ++leaf) {
    const double others = static_cast<double>(devices - 1);
    sendings.push_back({others * bytes_of_part(op, plan, leaf, mesh), doublings(devices), digits});
  }
  return sendings;
}

// ---- top-k ------------------------------------------------------------------------------------------------------

// Whether the order of the type's values has an end that is known here.
bool has_last_value(DType type) {
  switch (type) {
    case DType::f16:
    case DType::bf16:
    case DType::f32:
    case DType::f64:
      return true;
    default:
      return is_integer(type);
  }
}

// The value that comes last: the smallest where the largest are wanted. Of floats, in total order, a NaN with all bits.
Instruction* last_value(DType type, bool largest, Emitter& emitter) {
  if (!is_floating(type)) return emitter.neutral(largest ? Reducer::max : Reducer::min, type);
  Literal value{Shape(type)};
  const auto size = static_cast<size_t>(bytes_of(type));
  std::fill_n(value.mutable_bytes(), size, std::byte{0xFF});
  if (!largest) value.mutable_bytes()[size - 1] = std::byte{0x7F};
  return emitter.add(Op::constant, Shape(type), {}, ConstantAttrs{std::move(value)});
}

struct TopElements {
  Instruction* values;
  Instruction* indices;
};

TopElements top_of(Instruction* x, const TopKAttrs& attrs, Emitter& emitter) {
  Dims dims = x->shape().dims();
  dims.back() = attrs.k;
  const Shape values(x->shape().type(), dims);
  const Shape indices(DType::s32, dims);
  const std::vector<Instruction*> leaves =
      emitter.leaves_of(emitter.add(Op::topk, Shape::tuple({values, indices}), {x}, attrs));
  return {leaves[0], leaves[1]};
}

// Along the last dimension, of each row of `x` the elements at the places in the same row of `indices`.
Instruction* taken_along_rows(Instruction* x, Instruction* indices, Emitter& emitter) {
  const auto last = static_cast<int64_t>(x->shape().rank()) - 1;
  GatherAttrs attrs;
  for (int64_t d = 0; d < last; ++d) {
    attrs.operand_batching_dims.push_back(d);
    attrs.start_indices_batching_dims.push_back(d);
  }
  attrs.collapsed_slice_dims = attrs.start_index_map = {last};
  attrs.index_vector_dim = last + 1;
  attrs.slice_sizes = Dims(x->shape().rank(), 1);
  return emitter.add(Op::gather, Shape(x->shape().type(), indices->shape().dims()), {x, indices}, attrs);
}

// Equal elements come in the order of their places: devices follow each other as their parts do, and padding is last.
std::vector<Instruction*> localize_topk(const LocalOp& op) {
  Emitter& emitter = op.emitter;
  const size_t last = op.operands[0]->shape().rank() - 1;
  const Digits digits = operand_sharding(op.context, op.plan, 0).dims[last];
  if (digits.empty()) return localize_plain(op);
  const TopKAttrs attrs = topk_attributes_of(op.instruction);
  const DType type = op.operands[0]->shape().type();
  const int64_t part = op.operands[0]->shape().dim(last);
  Instruction* real = emitter.mask(op.operands[0], last, digits, op.context.operand_shapes[0].dim(last),
                                   last_value(type, attrs.largest, emitter));
  TopElements mine = top_of(real, {std::min(attrs.k, part), attrs.largest}, emitter);
  const Shape places = mine.indices->shape();
  Instruction* start = emitter.broadcast_scalar(emitter.start_along(digits, part), places);
  mine.indices = emitter.add(Op::add, places, {mine.indices, start});
  const TopElements all = {emitter.all_gather(mine.values, last, digits),
                           emitter.all_gather(mine.indices, last, digits)};
  const TopElements best = top_of(all.values, attrs, emitter);
  return {best.values, taken_along_rows(all.indices, best.indices, emitter)};
}

std::vector<Sending> sent_for_topk(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  return sent_to_gather(op, plan, operand_sharding(op, plan, 0).dims.back(), mesh);
}

// ---- reduce -----------------------------------------------------------------------------------------------------

// The digits that cut the reduced dimension that may be cut: those that the results are not cut by.
Digits reduced_digits(const OpContext& op, const OpPlan& plan) {
  const DigitSet kept = result_sharding(op, plan, 0).cut();
  for (const Digits& digits : operand_sharding(op, plan, 0).dims) {
    if ((set_of(digits) & ~kept) != 0) return digits;
  }
  return {};
}

std::vector<Sending> sent_for_reduce(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  return sent_to_gather(op, plan, reduced_digits(op, plan), mesh);
}

// Initial values where an operand is padding: they change nothing.
void mask_operands(LocalOp& op) {
  const size_t count = op.operands.size() / 2;
  for (size_t i = 0; i < count; ++i) {
    const Sharding sharding = operand_sharding(op.context, op.plan, i);
    for (const int64_t dim : op.instruction.attrs<DimensionsAttrs>().dimensions) {
      const auto d = static_cast<size_t>(dim);
      op.operands[i] = op.emitter.mask(op.operands[i], d, sharding.dims[d], op.context.operand_shapes[i].dim(d),
                                       op.operands[count + i]);
    }
  }
}

// The results of all devices along a new first dimension.
Instruction* stacked(Instruction* value, const Digits& digits, Emitter& emitter) {
  Dims dims = value->shape().dims();
  dims.insert(dims.begin(), 1);
  const Shape row(value->shape().type(), dims);
  return emitter.all_gather(emitter.add(Op::reshape, row, {value}), 0, digits);
}

std::vector<Instruction*> localize_reduce_in_parts(const LocalOp& op) {
  const Digits digits = reduced_digits(op.context, op.plan);
  if (digits.empty()) return localize_plain(op);
  LocalOp local = op;
  mask_operands(local);
  const std::vector<Instruction*> mine = localize_plain(local);
  std::vector<Instruction*> operands;
  std::vector<Shape> shapes;
  for (Instruction* value : mine) {
    operands.push_back(stacked(value, digits, op.emitter));
    shapes.push_back(value->shape());
  }
  const size_t count = mine.size();
  operands.insert(operands.end(), op.operands.begin() + static_cast<std::ptrdiff_t>(count), op.operands.end());
  const Shape shape = op.instruction.shape().is_tuple() ? Shape::tuple(shapes) : shapes[0];
  Instruction* all = op.emitter.computation().add(Op::reduce, shape, operands, DimensionsAttrs{{0}});
  all->mutable_callees().push_back(op.emitter.program().copied(*op.instruction.callees()[0]));
  return op.emitter.leaves_of(all);
}

// A dimension that must be whole may be cut all the same; the results lie then as if it were not.
void allow_cut(Rule& rule, FactorId factor) {
  Factor& f = rule.factors[static_cast<size_t>(factor)];
  if (f.kind == FactorKind::whole) f.kind = FactorKind::parallel;
}

}  // namespace

std::vector<Way> ways_of_topk(const Instruction& instruction) {
  std::vector<Way> ways = {plain_way(instruction)};
  const bool takes_any = topk_attributes_of(instruction).k > 0;
  if (!takes_any || !has_last_value(instruction.operand(0)->shape().type())) return ways;
  ways.push_back({ways[0].rule, localize_topk, sent_for_topk});
  allow_cut(ways[1].rule, ways[1].rule.operands[0].back()[0]);
  return ways;
}

// Elements are combined in their order, so only the first of several dimensions may be cut.
std::vector<Way> ways_of_reduce(const Instruction& instruction) {
  std::vector<Way> ways = {plain_way(instruction)};
  const bool is_usual = instruction.operand_count() == 2 && reducer_of(*instruction.callees()[0]) != Reducer::none;
  const Dims& dims = instruction.attrs<DimensionsAttrs>().dimensions;
  if (is_usual || dims.empty() || !reduces_in_parts(instruction)) return ways;
  ways.push_back({ways[0].rule, localize_reduce_in_parts, sent_for_reduce});
  const auto first = static_cast<size_t>(*std::min_element(dims.begin(), dims.end()));
  allow_cut(ways[1].rule, ways[1].rule.operands[0][first][0]);
  return ways;
}

std::vector<Way> ways_of_custom_call(const Instruction& instruction) {
  if (known_call_of(instruction) == KnownCall::topk) return ways_of_topk(instruction);
  return {plain_way(instruction)};
}

}  // namespace gshard
