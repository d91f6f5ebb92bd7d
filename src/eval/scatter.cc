#include <utility>

#include "eval/combine.h"
#include "eval/indices.h"
#include "eval/movement.h"

namespace gshard {
namespace {

// Updates are applied in batches of about this many elements, which bounds the memory that their lists take.
constexpr size_t kBatch = size_t{1} << 18;

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

}  // namespace

Literal eval_scatter(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const auto& attrs = instruction.attrs<ScatterAttrs>();
  const Computation& combiner = *instruction.callees()[0];
  const size_t count = operands.size() / 2;
  std::vector<Literal> to(std::make_move_iterator(operands.begin()),
                          std::make_move_iterator(operands.begin() + static_cast<std::ptrdiff_t>(count)));
  const std::vector<Literal> from(operands.begin() + static_cast<std::ptrdiff_t>(count) + 1, operands.end());
  const Shape operand = to[0].shape();
  const Windows windows = windows_of(attrs, operand, from[0].shape());
  const StartIndices indices(operands[count],
                             {attrs.scatter_dims_to_operand_dims, attrs.input_batching_dims,
                              attrs.scatter_indices_batching_dims, attrs.index_vector_dim},
                             operand.rank());

  const auto for_each_window = [&](auto&& body) {
    indices.for_each([&](const Dims& position, const Dims& starts) {
      if (!is_inside(starts, windows.sizes, operand)) return;
      body(offset_of(starts, windows.target_strides), offset_of(position, windows.position_strides));
    });
  };
  if (overwrites(combiner) && to[0].shape().type() == from[0].shape().type()) {
    const int64_t bytes = bytes_of(operand.type());
    const StridedCopy window(windows.sizes, windows.target_strides, windows.source_strides, bytes);
    std::byte* target = to[0].mutable_bytes();
    for_each_window(
        [&](int64_t at, int64_t source) { window.run(target + at * bytes, from[0].bytes() + source * bytes); });
  } else {
    const StridedLoop<2> window(windows.sizes, {windows.target_strides, windows.source_strides});
    const auto [target_step, source_step] = window.run_strides();
    Updates updates;
    const auto flush = [&] {
      combine_in_order(combiner, evaluator, updates, to, from);
      updates = {};
    };
    for_each_window([&](int64_t at, int64_t source) {
      window.run({at, source}, [&](const std::array<int64_t, 2>& run) {
        for (int64_t i = 0; i < window.run_length(); ++i) {
          updates.targets.push_back(run[0] + i * target_step);
          updates.sources.push_back(run[1] + i * source_step);
        }
      });
      if (updates.targets.size() >= kBatch) flush();
    });
    flush();
  }
  if (count == 1) return std::move(to[0]);
  return Literal::tuple(std::move(to));
}

}  // namespace gshard
