// Gradients of windows that slide over an array.
#include <array>

#include "autodiff/gradients.h"
#include "autodiff/permutation.h"
#include "autodiff/selection.h"
#include "autodiff/windows.h"
#include "ops/build.h"
#include "ops/constants.h"
#include "ops/reducer.h"

namespace gshard {
namespace {

// Every element gets the cotangents of all windows that it was in: the sum over a window that slides over them.
void gradient_of_sums(Pullback& p) {
  p.give(0, [&] {
    const Value x = p.operand(0);
    if (x.shape().element_count() == 0 || p.result().shape().element_count() == 0) return full_like(x, 0);
    Window window = p.attrs<WindowAttrs>().window;
    for (size_t d = 0; d < window.dims.size(); ++d) {
      window.dims[d] = transposed(window.dims[d], x.dim(d), p.result().dim(d));
      window.dims[d].reversal = false;
    }
    return reduce_window(p.cotangent(), window, Reducer::add);
  });
}

// Whether nothing in a window can be worse than what it starts from.
bool starts_from_worst(const Pullback& p, Direction direction) {
  const Instruction* initial = p.instruction().operand(p.operand_count() / 2);
  const DType type = initial->shape().type();
  return initial->op() == Op::constant &&
         initial->attrs<ConstantAttrs>().value == (direction == Direction::GE ? lowest(type) : highest(type));
}

// The cotangents go where the windows found what they chose, unless that was what they started from.
void gradient_of_choices(Pullback& p, Direction direction) {
  const size_t count = p.operand_count() / 2;
  const Value best = count == 1 ? p.result() : get_tuple_element(p.result(), 0);
  for (size_t i = 0; i < count; ++i) {
    if (p.cotangent(i).instruction() == nullptr) continue;
    p.give(i, [&] {
      const Value x = p.operand(0);
      if (p.operand(i).type() != x.type()) p.refuse("what is chosen is of another type than what is compared");
      Value source = p.cotangent(i);
      if (!starts_from_worst(p, direction)) {
        const Value is_initial = compare(best, broadcast(p.operand(count), best.dims(), {}), Direction::EQ);
        source = select(is_initial, 0, source);
      }
      return select_and_scatter(x, source, p.attrs<WindowAttrs>().window, direction);
    });
  }
}

// Of two pairs the one whose first part wins.
Computation& chosen_pair(Pullback& p, Direction direction) {
  const Shape scalar(p.operand(0).type());
  Module& module = *p.walk().computation().parent();
  return define(module, "chosen", {scalar, scalar, scalar, scalar}, [&](Computation&, Values x) {
    const Value is_first = compare(x[0], x[2], direction);
    return tuple({select(is_first, x[0], x[2]), select(is_first, x[1], x[3])});
  });
}

}  // namespace

void gradient_reduce_window(Pullback& p) {
  const Computation& combine = *p.instruction().callees()[0];
  const size_t count = p.operand_count() / 2;
  for (size_t i = count; i < p.operand_count(); ++i) {
    if (p.wants(i)) p.refuse("the initial value of windows, which pads them too, has none");
  }
  if (count == 1 && reducer_of(combine) == Reducer::add) return gradient_of_sums(p);
  const std::optional<Direction> direction = order_of(combine);
  if (!direction) p.refuse("%" + combine.name() + " is neither a sum nor a choice by size");
  gradient_of_choices(p, *direction);
}

// Each element of the source gets the cotangent of the place that its window chose.
void gradient_select_and_scatter(Pullback& p) {
  const std::optional<Direction> direction = direction_of(*p.instruction().callees()[0]);
  if (!direction || reducer_of(*p.instruction().callees()[1]) != Reducer::add) {
    p.refuse("it selects by other than size, or does not add up");
  }
  p.give(1, [&] {
    Computation& in = p.walk().computation();
    const DType type = p.operand(0).type();
    const Value worst = constant(in, *direction == Direction::GE ? lowest(type) : highest(type));
    const std::vector<Value> pairs{p.operand(0), p.cotangent(), worst, constant(in, type, 0)};
    const Window& window = p.attrs<WindowAttrs>().window;
    return get_tuple_element(reduce_window(pairs, window, chosen_pair(p, *direction)), 1);
  });
  p.give(2, [&] { return reduce(p.cotangent(), all_dims(p.result().rank()), Reducer::add); });
}

}  // namespace gshard
