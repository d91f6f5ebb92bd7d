// reduce-window: every output starts from the init value and takes in the elements under its window, in row-major
// order of the window. Padding is passed over. Small windows are done tap by tap, all outputs at once.
#include <algorithm>
#include <utility>

#include "eval/combine.h"
#include "eval/elements.h"
#include "eval/window.h"

namespace gshard {
namespace {

using Values = std::vector<Literal>;

Values filled_all(const Dims& dims, const Values& inits) {
  Values values;
  for (const Literal& init : inits) values.push_back(filled(init.shape().with_dims(dims), init));
  return values;
}

// ---- large windows: by doubling, one dimension after the other ----------------------------------------------------
//
// Runs of 1, 2, 4, ... elements are reduced for every place where they can begin, each from two of half its length.
// A window is made of few such runs. The order of elements is kept, their grouping is not: reducers are associative.

// Rows of a dimension of two arrays that belong together.
struct RowPairs {
  std::vector<int64_t> to;
  std::vector<int64_t> from;
};

// Calls body(sizes, to_view, from_view) for each run of neighbouring rows of dimension d.
template <class Body>
void for_each_run(const RowPairs& rows, size_t d, const Shape& to, const Shape& from, Body&& body) {
  View to_view = View::whole(to);
  View from_view = View::whole(from);
  Dims sizes = to.dims();
  for (size_t i = 0; i < rows.to.size();) {
    size_t end = i + 1;
    while (end < rows.to.size() && rows.to[end] == rows.to[end - 1] + 1 && rows.from[end] == rows.from[end - 1] + 1)
      ++end;
    sizes[d] = static_cast<int64_t>(end - i);
    to_view.offset = rows.to[i] * to_view.strides[d];
    from_view.offset = rows.from[i] * from_view.strides[d];
    body(sizes, to_view, from_view);
    i = end;
  }
}

void copy_rows(const RowPairs& rows, size_t d, Values& to, const Values& from) {
  for_each_run(rows, d, to[0].shape(), from[0].shape(),
               [&](const Dims& sizes, const View& to_view, const View& from_view) {
                 for (size_t k = 0; k < to.size(); ++k) copy_box(sizes, to[k], to_view, from[k], from_view);
               });
}

void combine_rows(const RowPairs& rows, size_t d, Values& to, const Values& from, LaneProgram& reducer) {
  Combiner combiner(reducer, to, from);
  for_each_run(rows, d, to[0].shape(), from[0].shape(),
               [&](const Dims& sizes, const View& to_view, const View& from_view) {
                 combiner.run_box(sizes, to_view, from_view);
               });
}

// From runs of elements that are `distance` long along dimension d, those that are twice as long.
Values doubled(const Values& runs, size_t d, int64_t distance, LaneProgram& reducer) {
  const Shape& shape = runs[0].shape();
  Dims sizes = shape.dims();
  sizes[d] -= distance;
  View later = View::whole(shape);
  later.offset = distance * later.strides[d];
  Values result;
  for (const Literal& run : runs) {
    result.push_back(Literal::uninitialized(run.shape().with_dims(sizes)));
    copy_box(sizes, result.back(), View::whole(result.back().shape()), run, View::whole(shape));
  }
  Combiner(reducer, result, runs).run_box(sizes, View::whole(result[0].shape()), later);
  return result;
}

// What one window takes along a dimension: `count` elements from `next` on.
struct Span {
  int64_t next;
  int64_t count;
};

// values[.., k, ..] becomes the reduction of the elements that spans[k] names, which lie `step` apart.
Values reduce_spans(Values runs, size_t d, std::vector<Span> spans, int64_t step, LaneProgram& reducer) {
  Values results;
  for (const Literal& value : runs) {
    Dims dims = value.shape().dims();
    dims[d] = static_cast<int64_t>(spans.size());
    results.push_back(Literal::uninitialized(value.shape().with_dims(dims)));
  }
  for (int64_t length = 1;; length *= 2) {
    RowPairs first;
    RowPairs later;
    bool more = false;
    for (size_t k = 0; k < spans.size(); ++k) {
      more |= spans[k].count >= 2 * length;
      if ((spans[k].count & length) == 0) continue;
      RowPairs& rows = (spans[k].count & (length - 1)) == 0 ? first : later;
      rows.to.push_back(static_cast<int64_t>(k));
      rows.from.push_back(spans[k].next);
      spans[k].next += length * step;
    }
    copy_rows(first, d, results, runs);
    combine_rows(later, d, results, runs, reducer);
    if (!more) return results;
    runs = doubled(runs, d, length * step, reducer);
  }
}

bool is_plain(const WindowedDim& dim) { return dim.window == WindowDim{} && dim.input == dim.output; }

Values reduce_by_doubling(const std::vector<WindowedDim>& dims, Values values, const Values& inits,
                          LaneProgram& reducer) {
  // Outputs whose window holds elements, in each dimension; only these are computed.
  std::vector<RowPairs> outputs(dims.size());
  // The last dimension first, so that elements stay in row-major order.
  for (size_t d = dims.size(); d-- > 0;) {
    if (is_plain(dims[d])) continue;
    std::vector<Span> spans;
    int64_t step = 1;
    for (int64_t at = 0; at < dims[d].output; ++at) {
      const Meeting meeting = dims[d].taps_of(at);
      if (meeting.count == 0) continue;
      outputs[d].to.push_back(at);
      outputs[d].from.push_back(static_cast<int64_t>(spans.size()));
      spans.push_back({meeting.first_i, meeting.count});
      step = meeting.step_i;
    }
    values = reduce_spans(std::move(values), d, std::move(spans), step, reducer);
  }
  const View whole = View::whole(values[0].shape());
  Values results = filled_all(values[0].shape().dims(), inits);
  Combiner(reducer, results, values).run_box(values[0].shape().dims(), whole, whole);
  for (size_t d = 0; d < dims.size(); ++d) {
    Dims spread = results[0].shape().dims();
    if (spread[d] == dims[d].output) continue;
    spread[d] = dims[d].output;
    Values all = filled_all(spread, inits);
    copy_rows(outputs[d], d, all, results);
    results = std::move(all);
  }
  return results;
}

// Whether elements can be combined with each other before they meet the init value.
bool combines_elements(const LaneProgram& reducer) {
  const std::vector<DType>& types = reducer.argument_types();
  return std::equal(types.begin(), types.begin() + static_cast<std::ptrdiff_t>(types.size() / 2),
                    types.begin() + static_cast<std::ptrdiff_t>(types.size() / 2));
}

// Whether tap by tap is the way: few taps, or windows that hardly overlap.
bool is_small(const std::vector<WindowedDim>& dims, int64_t inputs) {
  int64_t taps = 1;
  int64_t pairs = 1;
  for (const WindowedDim& dim : dims) {
    taps = saturating_multiply(taps, dim.window.size);
    pairs = saturating_multiply(pairs, dim.pair_count());
  }
  return pairs == 0 || taps <= 64 || (taps <= 1024 && pairs <= saturating_multiply(4, inputs));
}

}  // namespace

Literal eval_reduce_window(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const auto count = static_cast<std::ptrdiff_t>(operands.size() / 2);
  const Shape& shape = instruction.shape().is_tuple() ? instruction.shape().element(0) : instruction.shape();
  const auto dims =
      windowed_dims(instruction, instruction.attrs<WindowAttrs>().window, operands[0].shape().dims(), shape.dims());
  LaneProgram& reducer = evaluator.lanes_of(*instruction.callees()[0]);
  Values values(operands.begin(), operands.begin() + count);
  Values inits(operands.begin() + count, operands.end());
  convert_for(reducer, inits, values);

  const int64_t inputs = values[0].shape().element_count();
  Values results = filled_all(shape.dims(), inits);
  if (inputs == 0 || shape.element_count() == 0) {
    // No window holds anything, but there may be very many places for one.
  } else if (is_small(dims, inputs) || !combines_elements(reducer)) {
    Combiner combiner(reducer, results, values);
    TapBoxes(dims).for_each([&](const TapBox& box) {
      evaluator.check_stop();
      combiner.run_box(box.sizes, box.outputs, box.inputs);
    });
  } else {
    results = reduce_by_doubling(dims, std::move(values), inits, reducer);
  }
  for (size_t k = 0; k < results.size(); ++k) {
    results[k] = convert_elements(results[k], operands[static_cast<size_t>(count) + k].shape().type());
  }
  return instruction.shape().is_tuple() ? Literal::tuple(std::move(results)) : std::move(results[0]);
}

}  // namespace gshard
