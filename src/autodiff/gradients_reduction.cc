// Gradients of reductions.
#include <algorithm>

#include "autodiff/gradients.h"
#include "autodiff/permutation.h"
#include "autodiff/selection.h"
#include "autodiff/sum.h"
#include "ops/build.h"
#include "ops/reducer.h"

namespace gshard {
namespace {

size_t array_count(const Pullback& p) { return p.operand_count() / 2; }

Value part(const Pullback& p, size_t i) {
  return array_count(p) == 1 ? p.result() : get_tuple_element(p.result(), static_cast<int64_t>(i));
}

// A result of the reduction, for each element that it was made of.
Value spread(const Pullback& p, Value reduced) {
  const Value x = p.operand(0);
  return broadcast(reduced, x.dims(), others(p.attrs<DimensionsAttrs>().dimensions, x.rank()));
}

void gradient_of_sum(Pullback& p) {
  p.give(0, [&] { return spread(p, p.cotangent()); });
  p.give(1, [&] { return total(p.cotangent()); });
}

// Whether an element is the result in all parts that are of this choice.
Value is_chosen(const Pullback& p, const std::vector<size_t>& choices, size_t choice) {
  Value all;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] != choice) continue;
    const Value same = compare(p.operand(i), spread(p, part(p, i)), Direction::EQ);
    all = all.instruction() == nullptr ? same : and_(all, same);
  }
  return all;
}

// Elements that are the result in all parts that are chosen together share its cotangent.
void gradient_of_selection(Pullback& p) {
  const std::vector<size_t> choices = choices_of(*p.instruction().callees()[0]);
  std::vector<Value> chosen(choices.size());  // by choice
  for (size_t i = 0; i < choices.size(); ++i) {
    if (p.cotangent(i).instruction() == nullptr) continue;
    p.give(i, [&] {
      Value& mask = chosen[choices[i]];
      if (mask.instruction() == nullptr) mask = is_chosen(p, choices, choices[i]);
      const DType type = p.operand(i).type();
      const Value count = reduce(convert(mask, type), p.attrs<DimensionsAttrs>().dimensions, Reducer::add);
      // None is the result where the initial value is.
      return select(mask, spread(p, divide(p.cotangent(i), maximum(count, 1))), 0);
    });
  }
}

enum class Side { before, behind };

// For each element of the last dimension the product of all before it, or behind it.
Value product_of_others(Value rows, Side side) {
  const int64_t length = std::max<int64_t>(rows.dims().back(), 1);
  Window window;
  window.dims.resize(rows.rank());
  window.dims.back() = {
      .size = length, .pad_low = side == Side::before ? length : -1, .pad_high = side == Side::before ? -1 : length};
  return reduce_window(rows, window, Reducer::mul);
}

// For each element the product of the others, which is right where some are zero, and of the initial value.
void gradient_of_product(Pullback& p) {
  p.give(0, [&] {
    const Dims& reduced = p.attrs<DimensionsAttrs>().dimensions;
    const Value x = p.operand(0);
    Dims order = others(reduced, x.rank());
    order.append({reduced.data(), reduced.size()});
    const Value ordered = transposed(x, order);
    Dims sizes = p.result().dims();
    sizes.push_back(1);
    for (const int64_t d : reduced) sizes.back() *= x.dim(static_cast<size_t>(d));
    const Value rows = reshape(ordered, sizes);
    const Value rest = multiply(product_of_others(rows, Side::before), product_of_others(rows, Side::behind));
    const Value factors =
        multiply(transposed(reshape(rest, ordered.dims()), inverse(order)), broadcast(p.operand(1), x.dims(), {}));
    return multiply(spread(p, p.cotangent()), factors);
  });
  p.give(1, [&] {
    const Value products = reduce(p.operand(0), p.attrs<DimensionsAttrs>().dimensions, Reducer::mul);
    return total(multiply(p.cotangent(), products));
  });
}

}  // namespace

void gradient_reduce(Pullback& p) {
  const Computation& combine = *p.instruction().callees()[0];
  const Reducer reducer = array_count(p) == 1 ? reducer_of(combine) : Reducer::none;
  if (reducer == Reducer::add) return gradient_of_sum(p);
  if (reducer == Reducer::mul) return gradient_of_product(p);
  for (size_t i = array_count(p); i < p.operand_count(); ++i) {
    if (p.wants(i)) p.refuse("only the initial value of a sum or a product has one");
  }
  if (!is_selection(combine)) {
    p.refuse("%" + combine.name() + " is neither a sum, a product nor a choice among the elements");
  }
  gradient_of_selection(p);
}

}  // namespace gshard
