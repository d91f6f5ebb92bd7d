#include "shard/counted_loop.h"

namespace gshard {
namespace {

using State = std::vector<Instruction*>;

Instruction* tupled(const State& values, Computation& into) {
  std::vector<Shape> shapes;
  for (const Instruction* value : values) shapes.push_back(value->shape().without_layout());
  return into.add(Op::tuple, Shape::tuple(std::move(shapes)), values);
}

// A computation over the state, which begins with the number of the round.
class StateComputation {
 public:
  StateComputation(const LocalOp& op, const char* what, const Shape& state)
      : op_(op),
        computation_(*op.emitter.program().module().add_computation(op.instruction.name() + what)),
        emitter_(computation_, op.emitter.program()),
        state_(emitter_.leaves_of(computation_.add(Op::parameter, state, {}, ParameterAttrs{0}, "state"))) {}

  Emitter& emitter() { return emitter_; }
  Instruction* number() const { return state_[0]; }
  State values() const { return {state_.begin() + 1, state_.end()}; }

  Computation* finish(Instruction* root) {
    computation_.set_root(root);
    emitter_.set_source(op_.instruction, 0);
    return &computation_;
  }

 private:
  const LocalOp& op_;
  Computation& computation_;
  Emitter emitter_;
  State state_;
};

Computation* condition_of(const LocalOp& op, const Shape& state, int64_t end) {
  StateComputation condition(op, ".goes_on", state);
  Instruction* last = condition.emitter().scalar_s32(end);
  return condition.finish(condition.emitter().add(Op::compare, Shape(DType::pred), {condition.number(), last},
                                                  CompareAttrs{Direction::LT, ComparisonType::automatic}));
}

Computation* body_of(const LocalOp& op, const Shape& state, const Round& round) {
  StateComputation body(op, ".round", state);
  Emitter& emitter = body.emitter();
  State next = round(emitter, body.number(), body.values());
  next.insert(next.begin(), emitter.add(Op::add, Shape(DType::s32), {body.number(), emitter.scalar_s32(1)}));
  return body.finish(tupled(next, emitter.computation()));
}

}  // namespace

State counted_loop(const LocalOp& op, Rounds rounds, State state, const Round& round) {
  state.insert(state.begin(), op.emitter.scalar_s32(rounds.first));
  Instruction* start = tupled(state, op.emitter.computation());
  Instruction* loop = op.emitter.add(Op::while_, start->shape(), {start});
  loop->mutable_callees() = {condition_of(op, start->shape(), rounds.end), body_of(op, start->shape(), round)};
  State end = op.emitter.leaves_of(loop);
  end.erase(end.begin());
  return end;
}

}  // namespace gshard
