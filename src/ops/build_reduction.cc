// Builders of products, windows and reductions, and the small computations that they run.
#include <array>

#include "ops/build.h"
#include "ops/constants.h"
#include "ops/reducer.h"

namespace gshard {
namespace {

Shape declared(std::optional<DType> type) { return type ? Shape(*type) : Shape(); }

Module& module_of(Value x) { return *x.computation().parent(); }

// The arrays and, for one array, its reducer's neutral element.
std::array<Value, 2> with_neutral(Value x, Reducer reducer, const Here& here) {
  return {x, constant(x.computation(), neutral_element(reducer, x.type()), here)};
}

// Makes a computation over two scalars unless the module has one of that name and meaning. It has no place in the
// model.
template <class Matches>
Computation& scalar_computation(Module& module, const std::string& name, DType type, Matches matches,
                                const Body& body) {
  const Shape scalar(type);
  Computation* found = module.find(name);
  if (found != nullptr && found->parameters().size() == 2 && found->parameter(0)->shape() == scalar &&
      matches(*found)) {
    return *found;
  }
  Computation& made = define(module, name, {scalar, scalar}, body);
  for (const auto& instruction : made.instructions()) instruction->mutable_notes().metadata = nullptr;
  return made;
}

}  // namespace

Computation& reducer_computation(Module& module, Reducer reducer, DType type) {
  const std::string word(reducer == Reducer::none ? "assign" : keyword_of(op_of(reducer)));
  const auto matches = [&](const Computation& found) {
    return reducer == Reducer::none ? found.root() == found.parameter(1) : reducer_of(found) == reducer;
  };
  return scalar_computation(
      module, word + "_" + std::string(name_of(type)), type, matches,
      [&](Computation&, Values x) { return reducer == Reducer::none ? x[1] : append({op_of(reducer)}, x); });
}

Computation& comparator_computation(Module& module, Direction direction, DType type) {
  const CompareAttrs attributes{direction, is_floating(type) ? ComparisonType::TOTALORDER : ComparisonType::automatic};
  const std::string word(EnumWords<Direction>::words[static_cast<size_t>(direction)]);
  const auto matches = [&](const Computation& found) {
    return found.root()->op() == Op::compare && found.root()->attrs<CompareAttrs>() == attributes;
  };
  return scalar_computation(module, "compare_" + word + "_" + std::string(name_of(type)), type, matches,
                            [&](Computation&, Values x) {
                              return append({Op::compare, attributes}, x);
                            });
}

// ---- products -------------------------------------------------------------------------------------------------------

Value dot(Value lhs, Value rhs, const DotAttrs& attributes, std::optional<DType> type, Here here) {
  return append({Op::dot, attributes, {}, declared(type)}, std::array{lhs, rhs}, here);
}

Value ragged_dot(Value lhs, Value rhs, Value group_sizes, const RaggedDotAttrs& attributes, Here here) {
  return append({Op::ragged_dot, attributes}, std::array{lhs, rhs, group_sizes}, here);
}

Value scaled_dot(const std::vector<Value>& operands, const DotAttrs& attributes, DType type, Here here) {
  return append({Op::scaled_dot, attributes, {}, Shape(type)}, operands, here);
}

Value convolution(Value input, Value kernel, const ConvolutionAttrs& attributes, std::optional<DType> type, Here here) {
  return append({Op::convolution, attributes, {}, declared(type)}, std::array{input, kernel}, here);
}

// ---- windows --------------------------------------------------------------------------------------------------------

Value reduce_window(Value x, const Window& window, Reducer reducer, Here here) {
  Computation& combine = reducer_computation(module_of(x), reducer, x.type());
  return append({Op::reduce_window, WindowAttrs{window}, {&combine}}, with_neutral(x, reducer, here), here);
}

Value reduce_window(const std::vector<Value>& operands, const Window& window, Computation& combine, Here here) {
  return append({Op::reduce_window, WindowAttrs{window}, {&combine}}, operands, here);
}

Value select_and_scatter(Value x, Value source, const Window& window, Direction direction, Here here) {
  Computation& select = comparator_computation(module_of(x), direction, x.type());
  Computation& combine = reducer_computation(module_of(x), Reducer::add, x.type());
  const std::array operands{x, source, constant(x.computation(), x.type(), 0, here)};
  return append({Op::select_and_scatter, WindowAttrs{window}, {&select, &combine}}, operands, here);
}

// ---- reductions -----------------------------------------------------------------------------------------------------

Value reduce(Value x, const Dims& dimensions, Reducer reducer, Here here) {
  Computation& combine = reducer_computation(module_of(x), reducer, x.type());
  return append({Op::reduce, DimensionsAttrs{dimensions}, {&combine}}, with_neutral(x, reducer, here), here);
}

Value reduce(const std::vector<Value>& operands, const Dims& dimensions, Computation& combine, Here here) {
  return append({Op::reduce, DimensionsAttrs{dimensions}, {&combine}}, operands, here);
}

Value scatter(Value x, Value indices, Value updates, const ScatterAttrs& attributes, Reducer reducer, Here here) {
  Computation& combine = reducer_computation(module_of(x), reducer, x.type());
  return append({Op::scatter, attributes, {&combine}}, std::array{x, indices, updates}, here);
}

Value scatter(const std::vector<Value>& operands, const ScatterAttrs& attributes, Computation& combine, Here here) {
  return append({Op::scatter, attributes, {&combine}}, operands, here);
}

Value map(const std::vector<Value>& operands, Computation& body, Here here) {
  DimensionsAttrs all;
  for (size_t d = 0; !operands.empty() && d < operands[0].rank(); ++d)
    all.dimensions.push_back(static_cast<int64_t>(d));
  return append({Op::map, all, {&body}}, operands, here);
}

Value sort(Value x, int64_t dimension, Direction direction, Here here) {
  Computation& comparator = comparator_computation(module_of(x), direction, x.type());
  return append({Op::sort, SortAttrs{{dimension}, true}, {&comparator}}, std::array{x}, here);
}

Value sort(const std::vector<Value>& operands, const SortAttrs& attributes, Computation& comparator, Here here) {
  return append({Op::sort, attributes, {&comparator}}, operands, here);
}

Value topk(Value x, int64_t k, Here here) { return append({Op::topk, TopKAttrs{k, true}}, std::array{x}, here); }

Value scan(const std::vector<Value>& operands, const ScanAttrs& attributes, Computation& body, Here here) {
  return append({Op::scan, attributes, {&body}}, operands, here);
}

}  // namespace gshard
