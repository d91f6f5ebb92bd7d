#include <utility>

#include "eval/combine.h"
#include "eval/elements.h"
#include "eval/indices.h"
#include "eval/movement.h"

namespace gshard {
namespace {

// Where windows of the updates go in the operands.
struct Windows {
  Dims sizes;             // in each dimension of the operand
  Dims target_strides;    // of the operand
  Dims source_strides;    // of the updates, by dimension of the operand
  Dims position_strides;  // of the updates, by dimension of the array of indices
};

Windows windows_of(const ScatterAttrs& attrs, const Shape& operand, const Shape& updates) {
  const Dims strides = row_major_strides(updates.dims());
  Windows windows{Dims(operand.rank(), 1), row_major_strides(operand.dims()), Dims(operand.rank(), 0), {}};
  size_t window_dim = 0;
  for (size_t d = 0; d < operand.rank(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    if (is_among(dim, attrs.inserted_window_dims) || is_among(dim, attrs.input_batching_dims)) continue;
    const auto from = static_cast<size_t>(attrs.update_window_dims[window_dim++]);
    windows.sizes[d] = updates.dim(from);
    windows.source_strides[d] = strides[from];
  }
  for (size_t d = 0; d < updates.rank(); ++d) {
    if (!is_among(static_cast<int64_t>(d), attrs.update_window_dims)) windows.position_strides.push_back(strides[d]);
  }
  return windows;
}

bool is_inside(const Dims& starts, const Dims& sizes, const Shape& operand) {
  for (size_t d = 0; d < starts.size(); ++d) {
    if (starts[d] < 0 || starts[d] > operand.dim(d) - sizes[d]) return false;
  }
  return true;
}

// Whether the computation returns its second argument: the update replaces the element.
bool overwrites(const Computation& combiner) {
  const Instruction* root = combiner.root();
  return combiner.parameters().size() == 2 && root == combiner.parameter(1);
}

// Calls body(target, source) for every window that lies inside of the operand, with the places where it begins in the
// operand and in the updates.
template <class Body>
void for_each_window(const Windows& windows, const StartIndices& indices, const Shape& operand, Body&& body) {
  indices.for_each([&](const Dims& position, const Dims& starts) {
    if (!is_inside(starts, windows.sizes, operand)) return;
    body(offset_of(starts, windows.target_strides), offset_of(position, windows.position_strides));
  });
}

void overwrite(const Windows& windows, const StartIndices& indices, Literal& to, const Literal& from) {
  const int64_t bytes = bytes_of(to.shape().type());
  const StridedCopy window(windows.sizes, windows.target_strides, windows.source_strides, bytes);
  std::byte* target = to.mutable_bytes();
  for_each_window(windows, indices, to.shape(), [&](int64_t to_at, int64_t from_at) {
    window.run(target + to_at * bytes, from.bytes() + from_at * bytes);
  });
}

void combine_windows(const Windows& windows, const StartIndices& indices, LaneProgram& reducer,
                     std::vector<Literal>& to, std::vector<Literal> from) {
  convert_for(reducer, to, from);
  Combiner combiner(reducer, to, from);
  const StridedLoop<2> window(windows.sizes, {windows.target_strides, windows.source_strides});
  const auto [to_step, from_step] = window.run_strides();
  for_each_window(windows, indices, to[0].shape(), [&](int64_t to_at, int64_t from_at) {
    window.run({to_at, from_at}, [&](const std::array<int64_t, 2>& run) {
      combiner.run({run[0], to_step, run[1], from_step, window.run_length()});
    });
  });
}

}  // namespace

Literal eval_scatter(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const auto& attrs = instruction.attrs<ScatterAttrs>();
  const Computation& combiner = *instruction.callees()[0];
  const auto count = static_cast<std::ptrdiff_t>(operands.size() / 2);
  // Taken out of the operands, so that they are written in place where nothing else holds them.
  std::vector<Literal> to(std::make_move_iterator(operands.begin()), std::make_move_iterator(operands.begin() + count));
  std::vector<Literal> from(operands.begin() + count + 1, operands.end());
  const Windows windows = windows_of(attrs, to[0].shape(), from[0].shape());
  const StartIndices indices(operands[static_cast<size_t>(count)],
                             {attrs.scatter_dims_to_operand_dims, attrs.input_batching_dims,
                              attrs.scatter_indices_batching_dims, attrs.index_vector_dim},
                             to[0].shape().rank());
  if (overwrites(combiner) && to[0].shape().type() == from[0].shape().type()) {
    overwrite(windows, indices, to[0], from[0]);
  } else {
    combine_windows(windows, indices, evaluator.lanes_of(combiner), to, std::move(from));
  }
  if (!instruction.shape().is_tuple()) return convert_elements(to[0], instruction.shape().type());
  for (size_t k = 0; k < to.size(); ++k) to[k] = convert_elements(to[k], instruction.shape().element(k).type());
  return Literal::tuple(std::move(to));
}

}  // namespace gshard
