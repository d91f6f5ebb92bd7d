// Rules of the ops that combine elements by a computation: reduce, reduce-window, select-and-scatter, sort, topk.
#include <algorithm>

#include "ops/reducer.h"
#include "ops/rule_maker.h"

namespace gshard {
namespace {

bool contains(const Dims& dims, int64_t dim) { return std::find(dims.begin(), dims.end(), dim) != dims.end(); }

}  // namespace

Rule rule_reduce(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const Dims& reduced = instruction.attrs<DimensionsAttrs>().dimensions;
  const size_t inputs = instruction.operand_count() / 2;
  const Shape& input = instruction.operand(0)->shape();
  const Reducer reducer = inputs == 1 ? reducer_of(*instruction.callees()[0]) : Reducer::none;
  int64_t out = 0;
  for (size_t d = 0; d < input.rank(); ++d) {
    const bool gone = contains(reduced, static_cast<int64_t>(d));
    const FactorKind kind = !gone                      ? FactorKind::parallel
                            : reducer == Reducer::none ? FactorKind::whole
                                                       : FactorKind::reduce;
    const FactorId id = maker.factor(kind, input.dim(d), gone ? reducer : Reducer::none);
    for (size_t i = 0; i < inputs; ++i) maker.operand(i, static_cast<int64_t>(d), id);
    if (!gone) maker.results(out++, id);
  }
  // The init value may be partial together with the input: one device brings it, the others the neutral element.
  if (reducer != Reducer::none) maker.linearity() = {0b11, 0, reducer};
  return std::move(maker).finish();
}

Rule rule_reduce_window(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const size_t inputs = instruction.operand_count() / 2;
  const Shape& input = instruction.operand(0)->shape();
  const auto& window = instruction.attrs<WindowAttrs>().window.dims;
  for (size_t d = 0; d < input.rank(); ++d) {
    const bool kept = d >= window.size() || window[d] == WindowDim{};
    const FactorId id = maker.factor(kept ? FactorKind::parallel : FactorKind::shift, input.dim(d));
    for (size_t i = 0; i < inputs; ++i) maker.operand(i, static_cast<int64_t>(d), id);
    maker.results(static_cast<int64_t>(d), id);
  }
  return std::move(maker).finish();
}

Rule rule_select_and_scatter(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const Shape& input = instruction.operand(0)->shape();
  const auto& window = instruction.attrs<WindowAttrs>().window.dims;
  for (size_t d = 0; d < input.rank(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    const bool kept = d >= window.size() || window[d] == WindowDim{};
    const FactorId id = maker.factor(kept ? FactorKind::parallel : FactorKind::shift, input.dim(d));
    maker.operand(0, dim, id);
    maker.operand(1, dim, id);
    maker.result(0, dim, id);
  }
  return std::move(maker).finish();
}

Rule rule_sort(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const Shape& input = instruction.operand(0)->shape();
  const Dims& sorted = instruction.attrs<SortAttrs>().dimensions;
  for (size_t d = 0; d < input.rank(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    const FactorId id = contains(sorted, dim) ? maker.whole(input.dim(d)) : maker.parallel(input.dim(d));
    for (size_t i = 0; i < instruction.operand_count(); ++i) maker.operand(i, dim, id);
    maker.results(dim, id);
  }
  return std::move(maker).finish();
}

Rule rule_topk(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const Shape& input = instruction.operand(0)->shape();
  for (size_t d = 0; d + 1 < input.rank(); ++d) {
    const FactorId id = maker.parallel(input.dim(d));
    maker.operand(0, static_cast<int64_t>(d), id);
    maker.results(static_cast<int64_t>(d), id);
  }
  return std::move(maker).finish();
}

}  // namespace gshard
