// Dots in a ring: loops whose rounds multiply one part each, while a collective-permute sends parts or sums on.
#include "base/ceil_div.h"
#include "shard/counted_loop.h"
#include "shard/ring.h"
#include "shard/ways.h"

namespace gshard {
namespace {

using State = std::vector<Instruction*>;

// Everything goes from each device to the one before it. Round t on device i is about part i + t where operands go
// around, and about part i + t + 1 where sums do, which end in round n - 1 at their own devices.
class DotInRing {
 public:
  explicit DotInRing(const LocalOp& op)
      : op_(op),
        ring_(*op.plan.ring),
        rounds_(op.emitter.mesh().size_of(ring_.digits)),
        factor_(ring_factor(op.plan)),
        size_(ceil_div(rule().factors[factor_].size, op.emitter.mesh().size_of(op.plan.cut[factor_]))),
        part_(ceil_div(size_, rounds_)),
        result_dim_(find_dim(rule().results[0], factor_)),
        made_(op.result_shape()) {}

  Instruction* emit() { return ring_.operand ? with_operand_around() : with_sums_around(); }

 private:
  const Rule& rule() const { return op_.plan.way->rule; }

  // ---- an operand goes around: the state is it, the result so far, and the other operand

  Instruction* with_operand_around() {
    Emitter& emitter = op_.emitter;
    const size_t other = 1 - *ring_.operand;
    const Shape so_far = result_dim_ ? with_size(made_, *result_dim_, rounds_ * part_) : summed(made_);
    Instruction* zeros = emitter.broadcast_scalar(emitter.scalar(so_far.type(), 0), so_far);
    const State start = {without_padding(op_.operands[*ring_.operand]), zeros, padded(other)};
    const State state =
        counted_loop(op_, {0, rounds_ - 1}, start, [&](Emitter& body, Instruction* number, const State& now) {
          return State{sent_on(now[0], body), with_part(now, number, body), now[2]};
        });
    Instruction* result = with_part(state, emitter.scalar_s32(rounds_ - 1), emitter);
    if (result_dim_) result = emitter.resize(result, *result_dim_, size_);
    return converted(result);
  }

  // A contracted dimension must have nothing beyond its end.
  Instruction* without_padding(Instruction* operand) {
    if (result_dim_) return operand;
    Digits digits = op_.plan.cut[factor_];
    digits.append(ring_.digits);
    Emitter& emitter = op_.emitter;
    Instruction* zero = emitter.scalar(operand->shape().type(), 0);
    return emitter.mask(operand, ring_.dim, digits, rule().factors[factor_].size, zero);
  }

  Instruction* with_part(const State& state, Instruction* number, Emitter& emitter) {
    Instruction* place = place_of(number, 0, emitter);
    const size_t other = 1 - *ring_.operand;
    State operands = {state[0], state[0]};
    operands[other] = sliced(state[2], other, place, emitter);
    Instruction* so_far = state[1];
    if (!result_dim_) {
      Instruction* product = dot(operands, so_far->shape(), emitter);
      return emitter.add(Op::add, so_far->shape(), {so_far, product});
    }
    Instruction* product = dot(operands, with_size(made_, *result_dim_, part_), emitter);
    State update = {so_far, product};
    for (size_t d = 0; d < made_.rank(); ++d) update.push_back(d == *result_dim_ ? place : emitter.scalar_s32(0));
    return emitter.computation().add(Op::dynamic_update_slice, so_far->shape(), update);
  }

  // ---- the sums go around: the state is the one at hand, and the operands

  Instruction* with_sums_around() {
    const State operands = {padded(0), padded(1)};
    Instruction* first = part_of_sum(operands, op_.emitter.scalar_s32(0), op_.emitter);
    const State start = {first, operands[0], operands[1]};
    const State state =
        counted_loop(op_, {1, rounds_}, start, [&](Emitter& body, Instruction* number, const State& now) {
          Instruction* part = part_of_sum({now[1], now[2]}, number, body);
          return State{body.add(Op::add, part->shape(), {sent_on(now[0], body), part}), now[1], now[2]};
        });
    return converted(state[0]);
  }

  Instruction* part_of_sum(const State& operands, Instruction* number, Emitter& emitter) {
    Instruction* place = place_of(number, 1, emitter);
    return dot({sliced(operands[0], 0, place, emitter), sliced(operands[1], 1, place, emitter)}, summed(made_),
               emitter);
  }

  // ---- pieces of both

  static Shape with_size(const Shape& shape, size_t dim, int64_t size) {
    Dims dims = shape.dims();
    dims[dim] = size;
    return shape.with_dims(dims);
  }
  static Shape summed(const Shape& shape) { return shape.with_type(sum_type(shape.type())); }

  Instruction* converted(Instruction* result) {
    if (result->shape().type() == made_.type()) return result;
    return op_.emitter.add(Op::convert, made_, {result});
  }

  // Operand i with a whole number of parts.
  Instruction* padded(size_t i) {
    const auto dim = find_dim(rule().operands[i], factor_);
    return dim ? op_.emitter.resize(op_.operands[i], *dim, rounds_ * part_) : op_.operands[i];
  }

  Instruction* sliced(Instruction* operand, size_t i, Instruction* place, Emitter& emitter) const {
    const auto dim = find_dim(rule().operands[i], factor_);
    return dim ? emitter.slice_at(operand, *dim, place, part_) : operand;
  }

  // Where a round's part begins.
  Instruction* place_of(Instruction* number, int64_t ahead, Emitter& emitter) const {
    const Shape scalar(DType::s32);
    Instruction* part = emitter.add(Op::add, scalar, {emitter.index_along(ring_.digits), number});
    if (ahead != 0) part = emitter.add(Op::add, scalar, {part, emitter.scalar_s32(ahead)});
    part = emitter.add(Op::remainder, scalar, {part, emitter.scalar_s32(rounds_)});
    return part_ == 1 ? part : emitter.add(Op::multiply, scalar, {part, emitter.scalar_s32(part_)});
  }

  Instruction* sent_on(Instruction* value, Emitter& emitter) const {
    std::vector<std::pair<int64_t, int64_t>> pairs;
    pairs.reserve(static_cast<size_t>(rounds_));
    for (int64_t i = 0; i < rounds_; ++i) pairs.emplace_back(i, (i + rounds_ - 1) % rounds_);
    return emitter.collective_permute(value, ring_.digits, pairs);
  }

  Instruction* dot(const State& operands, const Shape& shape, Emitter& emitter) const {
    return emitter.add(Op::dot, shape.without_layout(), {operands[0], operands[1]}, op_.instruction.attributes());
  }

  const LocalOp& op_;
  const Ring& ring_;
  const int64_t rounds_;
  const size_t factor_;
  const int64_t size_;  // of the factor on each device, before it goes around
  const int64_t part_;
  const std::optional<size_t> result_dim_;  // that has the factor
  const Shape made_;                        // what the plan makes on each device
};

std::vector<Instruction*> localize_in_ring(const LocalOp& op) { return {DotInRing(op).emit()}; }

}  // namespace

std::vector<Way> ways_of_dot(const Instruction& instruction) {
  Way in_ring = {rule_of(instruction), localize_in_ring};
  in_ring.in_ring = true;
  return {plain_way(instruction), std::move(in_ring)};
}

}  // namespace gshard
