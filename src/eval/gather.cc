#include "eval/evaluator.h"
#include "eval/indices.h"
#include "eval/movement.h"

namespace gshard {

Literal eval_gather(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& attrs = instruction.attrs<GatherAttrs>();
  const Shape& operand = operands[0].shape();
  Literal result(instruction.shape());
  if (result.shape().element_count() == 0 || operand.element_count() == 0) return result;

  const IndexDimensions dimensions = IndexDimensions::of(attrs);
  const WindowStrides to_strides(dimensions, result.shape(), operand.rank());
  const Dims from_strides = row_major_strides(operand.dims());
  const int64_t bytes = bytes_of(operand.type());
  const StridedCopy window(attrs.slice_sizes, to_strides.window, from_strides, bytes);
  std::byte* to = result.mutable_bytes();
  StartIndices(operands[1], dimensions, operand.rank()).for_each([&](const Dims& position, const Dims& starts) {
    int64_t from = 0;
    for (size_t d = 0; d < starts.size(); ++d) {
      from += clamp_start(starts[d], operand.dim(d), attrs.slice_sizes[d]) * from_strides[d];
    }
    window.run(to + offset_of(position, to_strides.positions) * bytes, operands[0].bytes() + from * bytes);
  });
  return result;
}

}  // namespace gshard
