#include <algorithm>

#include "eval/evaluator.h"
#include "eval/indices.h"
#include "eval/movement.h"

namespace gshard {
Literal eval_gather(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& attrs = instruction.attrs<GatherAttrs>();
  const Literal& operand = operands[0];
  const Shape& shape = instruction.shape();
  Literal result(shape);
  if (shape.element_count() == 0 || operand.shape().element_count() == 0) return result;

  // A window lies in the result along the offset dimensions, at the position that the other dimensions name.
  const Dims to_strides = row_major_strides(shape.dims());
  const Dims from_strides = row_major_strides(operand.shape().dims());
  Dims batch_strides;
  for (size_t d = 0; d < shape.rank(); ++d) {
    if (!is_among(static_cast<int64_t>(d), attrs.offset_dims)) batch_strides.push_back(to_strides[d]);
  }
  Dims window_strides(operand.shape().rank(), 0);
  size_t offset_dim = 0;
  for (size_t d = 0; d < window_strides.size(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    if (is_among(dim, attrs.collapsed_slice_dims) || is_among(dim, attrs.operand_batching_dims)) continue;
    window_strides[d] = to_strides[static_cast<size_t>(attrs.offset_dims[offset_dim++])];
  }

  const int64_t bytes = bytes_of(shape.type());
  const StridedCopy window(attrs.slice_sizes, window_strides, from_strides, bytes);
  std::byte* to = result.mutable_bytes();
  const StartIndices indices(
      operands[1],
      {attrs.start_index_map, attrs.operand_batching_dims, attrs.start_indices_batching_dims, attrs.index_vector_dim},
      operand.shape().rank());
  indices.for_each([&](const Dims& position, const Dims& starts) {
    int64_t from = 0;
    for (size_t d = 0; d < starts.size(); ++d) {
      from += clamp_start(starts[d], operand.shape().dim(d), attrs.slice_sizes[d]) * from_strides[d];
    }
    window.run(to + offset_of(position, batch_strides) * bytes, operand.bytes() + from * bytes);
  });
  return result;
}

}  // namespace gshard
