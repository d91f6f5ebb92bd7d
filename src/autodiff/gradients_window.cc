// Gradients of windows that slide over an array.
#include <array>

#include "autodiff/gradients.h"
#include "autodiff/permutation.h"
#include "autodiff/selection.h"
#include "autodiff/sum.h"
#include "autodiff/windows.h"
#include "ops/build.h"
#include "ops/constants.h"
#include "ops/reducer.h"

namespace gshard {
namespace {

// Every element gets the cotangents of all windows that it was in: the sum over a window that slides over them.
void gradient_of_sums(Pullback& p) {
  p.give(1, [&] { return total(p.cotangent()); });
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

// For each position along dimension d the elements that are in the window there, along a new last dimension; 1 where
// the window lies on none.
Value opened(Value x, size_t d, const WindowDim& dim, int64_t outputs) {
  Padding padding;
  padding.dims.resize(x.rank());
  padding.dims[d] = {dim.pad_low, dim.pad_high, dim.base_dilation - 1};
  const Value padded = pad(x, 1, padding);
  const Shape places(padded.dim(d) <= INT32_MAX ? DType::s32 : DType::s64, {outputs, dim.size});
  const auto along = [&](int64_t k, int64_t step) { return multiply(iota(x.computation(), places, k), step); };
  const auto last = static_cast<int64_t>(x.rank());
  const auto place = static_cast<int64_t>(d);
  GatherAttrs attrs;
  attrs.offset_dims = others({place, last}, x.rank() + 1);
  attrs.collapsed_slice_dims = {place};
  attrs.start_index_map = {place};
  attrs.index_vector_dim = 2;
  attrs.slice_sizes = padded.dims();
  attrs.slice_sizes[d] = 1;
  return gather(padded, add(along(0, dim.stride), along(1, dim.window_dilation)), attrs);
}

// The gradient of a reduction over the elements of each window.
void gradient_of_products(Pullback& p) {
  const size_t first = p.walk().computation().size();
  const Window& window = p.attrs<WindowAttrs>().window;
  Value elements = p.operand(0);
  const size_t rank = elements.rank();
  if (elements.shape().element_count() == 0 || p.result().shape().element_count() == 0) {
    p.give(0, full_like(elements, 0));
    return p.give(1, total(p.cotangent()));
  }
  for (size_t d = 0; d < rank; ++d) {
    const bool is_one = window.dims[d] == WindowDim{} && elements.dim(d) == p.result().dim(d);
    if (!is_one) elements = opened(elements, d, window.dims[d], p.result().dim(d));
  }
  Dims taps;
  for (size_t d = rank; d < elements.rank(); ++d) taps.push_back(static_cast<int64_t>(d));
  const Value products = reduce({elements, p.operand(1)}, taps, *p.instruction().callees()[0]);
  p.walk().run_through(first, products, p.cotangents());
}

// Whether nothing in a window can be worse than what it starts from.
bool starts_from_worst(const Pullback& p, Direction direction) {
  const Instruction* initial = p.instruction().operand(p.operand_count() / 2);
  const DType type = initial->shape().type();
  return initial->op() == Op::constant &&
         initial->attrs<ConstantAttrs>().value == (is_larger(direction) ? lowest(type) : highest(type));
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

// Of two pairs the one whose first part wins, by the same comparison.
Computation& chosen_pair(Pullback& p, const Computation& comparison) {
  const Shape scalar(p.operand(0).type());
  const auto& by = comparison.root()->attrs<CompareAttrs>();
  Module& module = *p.walk().computation().parent();
  return define(module, "chosen", {scalar, scalar, scalar, scalar}, [&](Computation&, Values x) {
    const Value is_first = compare(x[0], x[2], by.direction, by.type);
    return tuple({select(is_first, x[0], x[2]), select(is_first, x[1], x[3])});
  });
}

}  // namespace

void gradient_reduce_window(Pullback& p) {
  const Computation& combine = *p.instruction().callees()[0];
  const size_t count = p.operand_count() / 2;
  const Reducer reducer = count == 1 ? reducer_of(combine) : Reducer::none;
  if (reducer == Reducer::add) return gradient_of_sums(p);
  if (reducer == Reducer::mul) return gradient_of_products(p);
  for (size_t i = count; i < p.operand_count(); ++i) {
    if (p.wants(i)) p.refuse("only the initial value of a sum or a product has one");
  }
  const std::optional<Direction> direction = order_of(combine);
  if (!direction) p.refuse("%" + combine.name() + " is neither a sum, a product nor a choice by size");
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
    const Value worst = constant(in, is_larger(*direction) ? lowest(type) : highest(type));
    const std::vector<Value> pairs{p.operand(0), p.cotangent(), worst, constant(in, type, 0)};
    Computation& chosen = chosen_pair(p, *p.instruction().callees()[0]);
    return get_tuple_element(reduce_window(pairs, p.attrs<WindowAttrs>().window, chosen), 1);
  });
  p.give(2, [&] { return total(p.cotangent()); });
}

}  // namespace gshard
