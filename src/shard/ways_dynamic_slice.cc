// Dynamic-slice and dynamic-update-slice along dimensions that are cut: each device reads or writes what of the window
// falls into its part. A window may span several parts; the work is in proportion to the window, not to the part.
#include <algorithm>

#include "shard/local_indices.h"
#include "shard/plan.h"
#include "shard/ways.h"

namespace gshard {
namespace {

// Along one dimension: a stretch of this device's part that has everything of the window that lies in the part.
struct Stretch {
  bool cut = false;
  int64_t window = 0;            // size of the whole window
  int64_t size = 0;              // of the stretch
  Instruction* start = nullptr;  // of the stretch, in the part
  Instruction* first = nullptr;  // of the stretch, counted from the beginning of the window; may lie outside of it
};

// The indices are scalars or, in old programs, one vector.
Instruction* index_of(const LocalOp& op, size_t first_index, size_t d) {
  Instruction* indices = op.operands[first_index];
  if (indices->shape().rank() == 0) return op.operands[first_index + d];
  const auto at = static_cast<int64_t>(d);
  const DType type = indices->shape().type();
  Instruction* one = op.emitter.add(Op::slice, Shape(type, {1}), {indices}, SliceAttrs{{{at}, {at + 1}, {1}}});
  return op.emitter.add(Op::reshape, Shape(type), {one});
}

Stretch stretch_along(const LocalOp& op, size_t d, Instruction* index, int64_t window) {
  Emitter& emitter = op.emitter;
  const Shape scalar(DType::s32);
  const int64_t part = op.operands[0]->shape().dim(d);
  const Digits digits = operand_sharding(op.context, op.plan, 0).dims[d];
  const FactorId factor = op.plan.way->rule.operands[0][d][0];
  Stretch stretch;
  stretch.cut = !digits.empty() && op.plan.way->rule.factors[static_cast<size_t>(factor)].kind == FactorKind::indexed;
  stretch.window = window;
  stretch.size = stretch.cut ? std::min(window, part) : window;
  if (!stretch.cut && !digits.empty()) {  // taken in full
    stretch.start = emitter.scalar_s32(0);
    return stretch;
  }
  const int64_t last = op.context.operand_shapes[0].dim(d) - window;
  Instruction* start = localized_indices(index, 0, {{0, last, digits, part}}, emitter);
  stretch.start = start;
  if (!stretch.cut) return stretch;
  stretch.start =
      emitter.add(Op::clamp, scalar, {emitter.scalar_s32(0), start, emitter.scalar_s32(part - stretch.size)});
  stretch.first = emitter.add(Op::subtract, scalar, {stretch.start, start});
  return stretch;
}

// `sizes` elements of `from`, beginning at scalars.
Instruction* take(Instruction* from, std::vector<Instruction*> starts, const Dims& sizes, Emitter& emitter) {
  starts.insert(starts.begin(), from);
  return emitter.computation().add(Op::dynamic_slice, Shape(from->shape().type(), sizes), starts,
                                   DynamicSliceAttrs{sizes});
}

std::vector<Instruction*> starts_of(const std::vector<Stretch>& stretches) {
  std::vector<Instruction*> starts;
  for (const Stretch& stretch : stretches) starts.push_back(stretch.start);
  return starts;
}

Dims sizes_of(const std::vector<Stretch>& stretches) {
  Dims sizes;
  for (const Stretch& stretch : stretches) sizes.push_back(stretch.size);
  return sizes;
}

// `value` moved along the cut dimensions: element i of the result is element i + offsets of `value`, or `fill` where
// that is outside.
struct Move {
  std::vector<Instruction*> offsets;  // null where the dimension is not cut
  Dims sizes;                         // of the result
};
Instruction* moved(Instruction* value, const Move& move, Instruction* fill, Emitter& emitter) {
  const Dims& from = value->shape().dims();
  Dims padded = from;
  PadAttrs pad;
  pad.padding.dims.resize(from.size());
  std::vector<Instruction*> starts(from.size(), emitter.scalar_s32(0));
  for (size_t d = 0; d < from.size(); ++d) {
    if (move.offsets[d] == nullptr) continue;
    const int64_t margin = move.sizes[d];
    pad.padding.dims[d] = {margin, margin, 0};
    padded[d] += 2 * margin;
    // Far outside, the slice's own clamping leaves it in the margin.
    starts[d] = emitter.add(Op::add, Shape(DType::s32), {move.offsets[d], emitter.scalar_s32(margin)});
  }
  Instruction* wide = emitter.add(Op::pad, Shape(value->shape().type(), padded), {value, fill}, pad);
  return take(wide, starts, move.sizes, emitter);
}

std::vector<Instruction*> localize_dynamic_slice(const LocalOp& op) {
  if (!is_any_indexed_cut(op)) return localize_plain(op);
  Emitter& emitter = op.emitter;
  const Shape result = op.result_shape();
  std::vector<Stretch> stretches;
  for (size_t d = 0; d < result.rank(); ++d) {
    stretches.push_back(stretch_along(op, d, index_of(op, 1, d), result.dim(d)));
  }
  Instruction* mine = take(op.operands[0], starts_of(stretches), sizes_of(stretches), emitter);
  Move move{{}, result.dims()};
  for (const Stretch& stretch : stretches) {
    const Shape scalar(DType::s32);
    move.offsets.push_back(stretch.cut ? emitter.add(Op::negate, scalar, {stretch.first}) : nullptr);
  }
  return {moved(mine, move, nothing_to_add(result.type(), emitter), emitter)};
}

// Whether each element of the stretches lies in the window.
Instruction* is_in_window(const std::vector<Stretch>& stretches, Emitter& emitter) {
  const Shape numbers(DType::s32, sizes_of(stretches));
  const Shape flags(DType::pred, numbers.dims());
  Instruction* all = nullptr;
  for (size_t d = 0; d < stretches.size(); ++d) {
    if (!stretches[d].cut) continue;
    Instruction* position = emitter.add(Op::iota, numbers, {}, IotaAttrs{static_cast<int64_t>(d)});
    Instruction* first = emitter.broadcast_scalar(stretches[d].first, numbers);
    Instruction* at = emitter.add(Op::add, numbers, {position, first});
    Instruction* zeros = emitter.broadcast_scalar(emitter.scalar_s32(0), numbers);
    Instruction* end = emitter.broadcast_scalar(emitter.scalar_s32(stretches[d].window), numbers);
    for (Instruction* inside : {emitter.add(Op::compare, flags, {at, zeros}, CompareAttrs{Direction::GE}),
                                emitter.add(Op::compare, flags, {at, end}, CompareAttrs{Direction::LT})}) {
      all = all == nullptr ? inside : emitter.add(Op::and_, flags, {all, inside});
    }
  }
  return all;
}

std::vector<Instruction*> localize_dynamic_update_slice(const LocalOp& op) {
  Instruction* update = op.operands[1];
  if (!is_any_indexed_cut(op) || update->shape().element_count() == 0) return localize_plain(op);
  Emitter& emitter = op.emitter;
  std::vector<Stretch> stretches;
  Move move;
  for (size_t d = 0; d < update->shape().rank(); ++d) {
    stretches.push_back(stretch_along(op, d, index_of(op, 2, d), update->shape().dim(d)));
    move.offsets.push_back(stretches.back().first);
    move.sizes.push_back(stretches.back().size);
  }
  Instruction* old = take(op.operands[0], starts_of(stretches), sizes_of(stretches), emitter);
  Instruction* fresh = moved(update, move, nothing_to_add(old->shape().type(), emitter), emitter);
  update = emitter.add(Op::select, old->shape(), {is_in_window(stretches, emitter), fresh, old});
  std::vector<Instruction*> operands = starts_of(stretches);
  operands.insert(operands.begin(), {op.operands[0], update});
  return {emitter.computation().add(Op::dynamic_update_slice, op.result_shape(), operands)};
}

}  // namespace

std::vector<Way> ways_of_dynamic_slice(const Instruction& instruction) {
  return {{rule_of(instruction), localize_dynamic_slice}};
}

std::vector<Way> ways_of_dynamic_update_slice(const Instruction& instruction) {
  return {{rule_of(instruction), localize_dynamic_update_slice}};
}

}  // namespace gshard
