// reduce-window: every output starts from the init value and takes in the elements under its window, in row-major
// order of the window. Padding is passed over.
#include <algorithm>
#include <utility>

#include "eval/combine.h"
#include "eval/elements.h"
#include "eval/window.h"

namespace gshard {
namespace {

using Values = std::vector<Literal>;

struct Reduction {
  const Computation& reducer;
  Evaluator& evaluator;
  Values operator()(Values a, Values b) const { return combine(reducer, evaluator, std::move(a), std::move(b)); }
};

Values boxes_of(const Values& values, const Dims& sizes, const View& view) {
  Values boxes;
  for (const Literal& value : values) {
    const Shape shape = value.shape().with_dims(sizes);
    boxes.push_back(Literal::uninitialized(shape));
    copy_box(sizes, boxes.back(), View::whole(shape), value, view);
  }
  return boxes;
}

void set_boxes(Values& values, const View& view, const Values& boxes) {
  for (size_t k = 0; k < values.size(); ++k) {
    const Shape& shape = boxes[k].shape();
    copy_box(shape.dims(), values[k], view, boxes[k], View::whole(shape));
  }
}

Values filled_all(const Dims& dims, const Values& inits) {
  Values values;
  for (const Literal& init : inits) values.push_back(filled(init.shape().with_dims(dims), init));
  return values;
}

// ---- small windows: tap by tap, all outputs at once ---------------------------------------------------------------

Values reduce_taps(const TapBoxes& taps, const Values& operands, Values results, const Reduction& reduce) {
  const Dims dims = results[0].shape().dims();
  taps.for_each([&](const TapBox& box) {
    Values elements = boxes_of(operands, box.sizes, box.inputs);
    if (box.sizes == dims) {
      results = reduce(std::move(results), std::move(elements));
    } else {
      set_boxes(results, box.outputs, reduce(boxes_of(results, box.sizes, box.outputs), std::move(elements)));
    }
  });
  return results;
}

// ---- large windows: by doubling, one dimension after the other ------------------------------------------------------
//
// Runs of 1, 2, 4, ... elements are reduced for every place where they can begin, each from two of half its length.
// A window is made of few such runs. The order of elements is kept, their grouping is not: reducers are associative.

// The rows `indices` of dimension d.
Values rows_of(const Values& values, size_t d, const std::vector<int64_t>& indices) {
  Values rows;
  for (const Literal& value : values) {
    Dims dims = value.shape().dims();
    dims[d] = static_cast<int64_t>(indices.size());
    Literal taken = Literal::uninitialized(value.shape().with_dims(dims));
    const Dims to_strides = row_major_strides(dims);
    const Dims from_strides = row_major_strides(value.shape().dims());
    const int64_t bytes = bytes_of(value.shape().type());
    dims[d] = 1;
    const StridedCopy row(dims, to_strides, from_strides, bytes);
    std::byte* to = taken.mutable_bytes();
    for (size_t i = 0; i < indices.size(); ++i) {
      row.run(to + static_cast<int64_t>(i) * to_strides[d] * bytes,
              value.bytes() + indices[i] * from_strides[d] * bytes);
    }
    rows.push_back(std::move(taken));
  }
  return rows;
}

void set_rows(Values& values, size_t d, const std::vector<int64_t>& indices, const Values& rows) {
  for (size_t k = 0; k < values.size(); ++k) {
    Dims dims = rows[k].shape().dims();
    const Dims to_strides = row_major_strides(values[k].shape().dims());
    const Dims from_strides = row_major_strides(dims);
    const int64_t bytes = bytes_of(rows[k].shape().type());
    dims[d] = 1;
    const StridedCopy row(dims, to_strides, from_strides, bytes);
    std::byte* to = values[k].mutable_bytes();
    for (size_t i = 0; i < indices.size(); ++i) {
      row.run(to + indices[i] * to_strides[d] * bytes,
              rows[k].bytes() + static_cast<int64_t>(i) * from_strides[d] * bytes);
    }
  }
}

// `size` rows of dimension d from `first` on.
Values row_range(const Values& values, size_t d, int64_t first, int64_t size) {
  View view = View::whole(values[0].shape());
  view.offset = first * view.strides[d];
  Dims dims = values[0].shape().dims();
  dims[d] = size;
  return boxes_of(values, dims, view);
}

// What one window takes along a dimension: `count` elements from `next` on.
struct Span {
  int64_t next;
  int64_t count;
};

// values[.., k, ..] becomes the reduction of the elements that spans[k] names; `step` elements lie between them.
Values reduce_spans(Values level, size_t d, std::vector<Span> spans, int64_t step, const Reduction& reduce) {
  Values results;
  for (const Literal& value : level) {
    Dims dims = value.shape().dims();
    dims[d] = static_cast<int64_t>(spans.size());
    results.emplace_back(value.shape().with_dims(dims));
  }
  for (int64_t length = 1;; length *= 2) {
    std::vector<int64_t> first_rows, first_starts, later_rows, later_starts;
    bool more = false;
    for (size_t k = 0; k < spans.size(); ++k) {
      more |= spans[k].count >= 2 * length;
      if ((spans[k].count & length) == 0) continue;
      const bool first = (spans[k].count & (length - 1)) == 0;
      (first ? first_rows : later_rows).push_back(static_cast<int64_t>(k));
      (first ? first_starts : later_starts).push_back(spans[k].next);
      spans[k].next += length * step;
    }
    if (!first_rows.empty()) set_rows(results, d, first_rows, rows_of(level, d, first_starts));
    if (!later_rows.empty()) {
      set_rows(results, d, later_rows, reduce(rows_of(results, d, later_rows), rows_of(level, d, later_starts)));
    }
    if (!more) return results;
    const int64_t size = level[0].shape().dim(d) - length * step;
    level = reduce(row_range(level, d, 0, size), row_range(level, d, length * step, size));
  }
}

Values reduce_by_doubling(const std::vector<WindowedDim>& dims, Values values, const Values& inits,
                          const Reduction& reduce) {
  // Outputs whose window holds elements, in each dimension; only these are computed.
  std::vector<std::vector<int64_t>> outputs(dims.size());
  // The last dimension first, so that elements stay in row-major order.
  for (size_t d = dims.size(); d-- > 0;) {
    std::vector<Span> spans;
    int64_t step = 1;
    for (int64_t at = 0; at < dims[d].output; ++at) {
      const Meeting meeting = dims[d].taps_of(at);
      if (meeting.count == 0) continue;
      outputs[d].push_back(at);
      spans.push_back({meeting.first_i, meeting.count});
      step = meeting.step_i;
    }
    values = reduce_spans(std::move(values), d, std::move(spans), step, reduce);
  }
  values = reduce(filled_all(values[0].shape().dims(), inits), std::move(values));
  for (size_t d = 0; d < dims.size(); ++d) {
    if (static_cast<int64_t>(outputs[d].size()) == dims[d].output) continue;
    Dims spread = values[0].shape().dims();
    spread[d] = dims[d].output;
    Values all = filled_all(spread, inits);
    set_rows(all, d, outputs[d], values);
    values = std::move(all);
  }
  return values;
}

bool is_small(int64_t taps, int64_t inputs, int64_t outputs) {
  return taps <= 64 || (taps <= 1024 && saturating_multiply(taps, outputs) <= saturating_multiply(4, inputs));
}

}  // namespace

Literal eval_reduce_window(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const size_t count = operands.size() / 2;
  const Shape& shape = instruction.shape().is_tuple() ? instruction.shape().element(0) : instruction.shape();
  const auto dims =
      windowed_dims(instruction, instruction.attrs<WindowAttrs>().window, operands[0].shape().dims(), shape.dims());
  const Reduction reduce{*instruction.callees()[0], evaluator};
  Values values(operands.begin(), operands.begin() + static_cast<std::ptrdiff_t>(count));
  const Values inits(operands.begin() + static_cast<std::ptrdiff_t>(count), operands.end());
  // Elements may be narrower than what they are reduced to.
  for (size_t k = 0; k < count; ++k) values[k] = convert_elements(values[k], inits[k].shape().type());

  const TapBoxes taps(dims);
  const int64_t outputs = shape.element_count();
  Values results;
  if (outputs == 0 || taps.count() == 0) {
    results = filled_all(shape.dims(), inits);
  } else if (is_small(taps.count(), values[0].shape().element_count(), outputs)) {
    results = reduce_taps(taps, values, filled_all(shape.dims(), inits), reduce);
  } else {
    results = reduce_by_doubling(dims, std::move(values), inits, reduce);
  }
  if (!instruction.shape().is_tuple()) return std::move(results[0]);
  return Literal::tuple(std::move(results));
}

}  // namespace gshard
