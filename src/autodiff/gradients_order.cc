// Gradients of sorting: what went to a place comes back from there.
#include "autodiff/gradients.h"
#include "ir/dims.h"
#include "ops/build.h"

namespace gshard {
namespace {

// Two scalars of each type, as comparators get them.
std::vector<Shape> pairs_of(std::span<const Value> arrays) {
  std::vector<Shape> scalars;
  for (const Value& array : arrays) scalars.insert(scalars.end(), 2, Shape(array.type()));
  return scalars;
}

// The order of the sort with one array more that goes along.
Computation& extended(const Computation& comparator, const std::vector<Value>& arrays) {
  return define(*comparator.parent(), comparator.name(), pairs_of(arrays), [&](Computation& in, Values scalars) {
    std::vector<Instruction*> known;
    for (const Value& scalar : scalars.first(scalars.size() - 2)) known.push_back(scalar.instruction());
    return Value(clone_body(comparator, known, in));
  });
}

// Ascending by the first of the arrays.
Computation& ascending(const std::vector<Value>& arrays) {
  return define(*arrays[0].computation().parent(), "ascending", pairs_of(arrays),
                [](Computation&, Values scalars) { return compare(scalars[0], scalars[1], Direction::LT); });
}

// For each place of the sorted arrays, where its element was before.
Value origins(const Pullback& p, const SortAttrs& attrs) {
  std::vector<Value> arrays = p.operands_from(0);
  const Shape places = p.operand(0).shape().with_type(DType::s32).without_layout();
  arrays.push_back(iota(p.walk().computation(), places, attrs.dimensions[0]));
  const Value sorted = sort(arrays, attrs, extended(*p.instruction().callees()[0], arrays));
  return get_tuple_element(sorted, static_cast<int64_t>(arrays.size()) - 1);
}

}  // namespace

// The cotangents are sorted by where the elements were, which puts them there.
void gradient_sort(Pullback& p) {
  const auto& attrs = p.attrs<SortAttrs>();
  std::vector<Value> arrays{origins(p, attrs)};
  std::vector<size_t> numbers;
  for (size_t i = 0; i < p.operand_count(); ++i) {
    if (p.cotangent(i).instruction() == nullptr || !p.wants(i)) continue;
    arrays.push_back(p.cotangent(i));
    numbers.push_back(i);
  }
  const Value back = sort(arrays, attrs, ascending(arrays));
  for (size_t k = 0; k < numbers.size(); ++k) p.give(numbers[k], get_tuple_element(back, static_cast<int64_t>(k) + 1));
}

void gradient_topk(Pullback& p) {
  if (p.cotangent(0).instruction() == nullptr) return;
  p.give(0, [&] {
    const auto last = static_cast<int64_t>(p.operand(0).rank()) - 1;
    const Dims rows = counting(0, static_cast<size_t>(last));
    const ScatterAttrs attrs{.update_window_dims = {},
                             .inserted_window_dims = {last},
                             .scatter_dims_to_operand_dims = {last},
                             .input_batching_dims = rows,
                             .scatter_indices_batching_dims = rows,
                             .index_vector_dim = last + 1,
                             .unique_indices = true};
    const Value places = get_tuple_element(p.result(), 1);
    return scatter(full_like(p.operand(0), 0), places, p.cotangent(0), attrs, Reducer::add);
  });
}

}  // namespace gshard
