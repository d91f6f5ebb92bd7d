// The gradient of a loop with a known number of rounds: the loop keeps what its rounds backwards need, and a second
// loop goes through the rounds from the last to the first.
//
//   while (x) : n times { sin(x) }      becomes      while (x, i, xs) { sin(x), i + 1, xs[i] = x }, and then
//                                                    while (j = n - 1, dx, xs) : j >= 0 { j - 1, dx * cos(xs[j]), xs }
#include <limits>

#include "autodiff/annotation.h"
#include "autodiff/gradients.h"
#include "autodiff/leaves.h"
#include "autodiff/loop_body.h"
#include "autodiff/stack.h"
#include "ops/build.h"
#include "ops/counted_loop.h"

namespace gshard {
namespace {

constexpr std::string_view kUnknownTrips =
    "how often it runs is not known: it counts no element of its state from a constant to a constant, and has no "
    "known_trip_count";

// The elements of a state, which may be an array.
std::vector<Value> elements_of(Value x) {
  if (!x.shape().is_tuple()) return {x};
  if (x->op() == Op::tuple) return {x->operands().begin(), x->operands().end()};
  return unpack(x);
}

class LoopPullback {
 public:
  LoopPullback(Pullback& p, int64_t rounds)
      : p_(p),
        loop_(p.instruction()),
        rounds_(rounds),
        counter_(rounds <= std::numeric_limits<int32_t>::max() ? DType::s32 : DType::s64),
        body_(loop_, p.walk().active_leaves(loop_), carried_behind(p)) {}

  void run() {
    const std::vector<Value> stacks = make_forwards();
    make_backwards(stacks);
  }

 private:
  static std::set<size_t> carried_behind(const Pullback& p) {
    std::set<size_t> carried;
    for (size_t leaf = 0; leaf < p.cotangents().size(); ++leaf) {
      const bool is_active = p.walk().is_active(p.instruction(), leaf);
      if (is_active && p.cotangent(leaf).instruction() != nullptr) carried.insert(leaf);
    }
    return carried;
  }

  // The elements of the loop's state.
  std::vector<Shape> state_shapes() const {
    return loop_.shape().is_tuple() ? loop_.shape().elements() : std::vector<Shape>{loop_.shape()};
  }
  // The state as the loop had it, from the first elements of the state of the new one.
  Value old_state(const std::vector<Value>& elements) const {
    if (!loop_.shape().is_tuple()) return elements[0];
    return tuple({elements.begin(), elements.begin() + static_cast<std::ptrdiff_t>(state_shapes().size())});
  }

  // Puts a loop that keeps what is needed in place of the loop; returns the stacks of what it kept.
  std::vector<Value> make_forwards() {
    Walk& walk = p_.walk();
    const size_t first = walk.computation().size();
    std::vector<Value> state = elements_of(p_.operand(0));
    state.push_back(constant(walk.computation(), counter_, 0));
    for (const Shape& kept : body_.kept()) state.push_back(full(walk.computation(), stack_shape(kept, 0, rounds_), 0));
    const Value initial = tuple(state);
    const Value all = while_(initial, forward_condition(initial.shape()), forward_body(initial.shape()));
    all->mutable_notes() = loop_.notes();
    all->mutable_notes().sharding = nullptr;
    std::vector<Value> results = unpack(all);
    const Value result = annotated_as(old_state(results), loop_);
    set_metadata(walk.computation(), first, walk.computation().size(), loop_.notes().metadata);
    walk.adopt(first, loop_);
    walk.replace(p_.instruction(), result);
    return {results.begin() + static_cast<std::ptrdiff_t>(state_shapes().size()) + 1, results.end()};
  }

  Computation& forward_condition(const Shape& state) const {
    const Computation& old = *loop_.callees()[0];
    return define(*old.parent(), old.name(), {state}, [&](Computation& in, Values p) {
      Copier copier(in);
      copier.put(*old.parameter(0), old_state(unpack(p[0])));
      set_metadata(in, 0, in.size(), loop_.notes().metadata);
      copier.copy_all(old);
      return copier.at(*old.root());
    });
  }

  Computation& forward_body(const Shape& state) const {
    const Computation& old = *loop_.callees()[1];
    return define(*old.parent(), old.name(), {state}, [&](Computation& in, Values p) {
      const std::vector<Value> elements = unpack(p[0]);
      const Value state = old_state(elements);
      set_metadata(in, 0, in.size(), loop_.notes().metadata);
      const LoopBody::Forwards made = body_.forwards(state);
      const size_t copied = in.size();
      const size_t count = state_shapes().size();
      std::vector<Value> next = elements_of(made.next);
      next.push_back(add(elements[count], 1));
      for (size_t i = 0; i < made.kept.size(); ++i) {
        next.push_back(written_at(elements[count + 1 + i], 0, elements[count], made.kept[i]));
      }
      const Value all = tuple(next);
      set_metadata(in, copied, in.size(), loop_.notes().metadata);
      return all;
    });
  }

  void make_backwards(const std::vector<Value>& stacks) {
    Computation& in = p_.walk().computation();
    std::vector<Value> state{constant(in, counter_, static_cast<double>(rounds_ - 1))};
    for (const size_t leaf : body_.carried()) {
      const Value cotangent = p_.cotangent(leaf);
      const Shape shape = leaf_shape(loop_.shape(), leaf).without_layout();
      state.push_back(cotangent.instruction() != nullptr ? cotangent : full(in, shape, 0));
    }
    state.insert(state.end(), stacks.begin(), stacks.end());
    for (const size_t leaf : body_.constant()) state.push_back(leaf_of(p_.operand(0), leaf));
    const Value initial = tuple(state);
    const Value all = while_(initial, backward_condition(initial.shape()), backward_body(initial.shape()));
    for (size_t i = 0; i < body_.carried().size(); ++i) {
      p_.give_leaf(0, body_.carried()[i], get_tuple_element(all, static_cast<int64_t>(i) + 1));
    }
  }

  Computation& backward_condition(const Shape& state) const {
    return define(*loop_.callees()[0]->parent(), "backward_condition", {state},
                  [&](Computation&, Values p) { return compare(get_tuple_element(p[0], 0), 0, Direction::GE); });
  }

  Computation& backward_body(const Shape& state) const {
    return define(*loop_.callees()[1]->parent(), "backward_body", {state}, [&](Computation& in, Values p) {
      const std::vector<Value> elements = unpack(p[0]);
      const Values all = elements;
      const Values cotangents = all.subspan(1, body_.carried().size());
      const Values stacks = all.subspan(1 + cotangents.size(), body_.kept().size());
      const Values constant = all.subspan(1 + cotangents.size() + stacks.size());
      std::vector<Value> kept;
      for (const Value& stack : stacks) kept.push_back(read_at(stack, 0, all[0]));
      std::vector<Value> next{subtract(all[0], 1)};
      set_metadata(in, 0, in.size(), transposed_metadata(loop_));
      const std::vector<Value> before = body_.backwards(in, cotangents, kept, constant);
      next.insert(next.end(), before.begin(), before.end());
      next.insert(next.end(), stacks.begin(), stacks.end());
      next.insert(next.end(), constant.begin(), constant.end());
      const Value result = tuple(next);
      result->mutable_notes().metadata = transposed_metadata(loop_);
      return result;
    });
  }

  Pullback& p_;
  const Instruction& loop_;
  const int64_t rounds_;
  const DType counter_;
  const LoopBody body_;
};

}  // namespace

void gradient_while(Pullback& p) {
  const std::optional<int64_t> rounds = counted_trips(p.instruction());
  if (!rounds) p.refuse(kUnknownTrips);
  if (*rounds == 0) return gradient_identity(p);
  LoopPullback(p, *rounds).run();
}

}  // namespace gshard
