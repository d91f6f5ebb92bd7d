#include "eval/movement.h"

#include <algorithm>
#include <utility>

#include "eval/elements.h"
#include "eval/evaluator.h"

namespace gshard {
namespace {

// A step along a dimension of which only `size` elements are taken. Strides of hostile programs are large, so none
// is multiplied out where no step is made.
int64_t step(int64_t size, int64_t stride, int64_t factor) { return size > 1 ? stride * factor : 0; }

// The elements of an operand along one dimension that a pad keeps, and where the first of them goes.
struct Kept {
  int64_t first = 0;
  int64_t count = 0;
  int64_t to = 0;
};

Kept kept_by(const PaddingDim& padding, int64_t size, int64_t result_size) {
  // Wide: low + interior * size may leave 64 bits although what is kept does not.
  const __int128 step = __int128{padding.interior} + 1;
  const __int128 low = padding.low;
  const __int128 first = low < 0 ? (-low + step - 1) / step : 0;
  const __int128 end = std::min<__int128>(size, result_size > low ? (result_size - 1 - low) / step + 1 : 0);
  if (first >= end) return {};
  return {static_cast<int64_t>(first), static_cast<int64_t>(end - first), static_cast<int64_t>(low + first * step)};
}

}  // namespace

void copy_box(const Dims& sizes, Literal& to, const View& to_view, const Literal& from, const View& from_view) {
  if (is_among(0, sizes)) return;
  const int64_t bytes = bytes_of(to.shape().type());
  const StridedCopy copy(sizes, to_view.strides, from_view.strides, bytes);
  copy.run(to.mutable_bytes() + to_view.offset * bytes, from.bytes() + from_view.offset * bytes);
}

Literal transposed(const Literal& operand, const Dims& permutation) {
  const Shape shape = operand.shape().with_dims(select_dims(operand.shape().dims(), permutation));
  if (std::is_sorted(permutation.begin(), permutation.end())) return operand;
  Literal result = Literal::uninitialized(shape);
  copy_box(shape.dims(), result, View::whole(shape), operand,
           {0, select_dims(row_major_strides(operand.shape().dims()), permutation)});
  return result;
}

Literal broadcast_to(const Shape& shape, const Literal& operand, const Dims& dimensions) {
  const Dims from = row_major_strides(operand.shape().dims());
  Dims strides(shape.rank(), 0);
  for (size_t i = 0; i < from.size(); ++i) {
    strides[static_cast<size_t>(dimensions[i])] = operand.shape().dim(i) == 1 ? 0 : from[i];
  }
  Literal result = Literal::uninitialized(shape);
  copy_box(shape.dims(), result, View::whole(shape), operand, {0, strides});
  return result;
}

// ---- kernels ----------------------------------------------------------------------------------------------------

Literal eval_reshape(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  return std::move(operands[0]).reshaped(instruction.shape());
}

Literal eval_dynamic_reshape(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  // The sizes in the other operands only matter for shapes with dynamic dimensions, which are not read.
  if (operands[0].shape().element_count() != instruction.shape().element_count()) {
    throw evaluation_error(instruction, operands[0].shape().to_string() + " cannot become " +
                                            instruction.shape().to_string() + ": dynamic sizes are not supported");
  }
  return std::move(operands[0]).reshaped(instruction.shape());
}

Literal eval_bitcast(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const Shape& shape = instruction.shape();
  const Shape& from = operands[0].shape();
  if (shape.byte_size() != from.byte_size() || bits_of(shape.type()) % 8 != bits_of(from.type()) % 8) {
    throw evaluation_error(instruction, from.to_string() + " and " + shape.to_string() + " differ in bytes");
  }
  // A bitcast keeps the bytes in memory, so it transposes where the layouts of the text differ.
  const Dims order = physical_order(shape);
  Literal physical = transposed(operands[0], physical_order(instruction.operand(0)->shape()));
  physical = std::move(physical).reinterpreted(shape.with_dims(select_dims(shape.dims(), order)));
  if (shape.type() == DType::pred) {
    bytes_to_preds(physical.mutable_bytes(), static_cast<size_t>(shape.element_count()));
  }
  return transposed(physical, inverse_permutation(order)).reshaped(shape);
}

Literal eval_broadcast(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  return broadcast_to(instruction.shape(), operands[0], instruction.attrs<DimensionsAttrs>().dimensions);
}

Literal eval_transpose(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  return transposed(operands[0], instruction.attrs<DimensionsAttrs>().dimensions);
}

Literal eval_reverse(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  if (instruction.shape().element_count() == 0) return Literal(instruction.shape());
  View from = View::whole(operands[0].shape());
  for (int64_t d : instruction.attrs<DimensionsAttrs>().dimensions) {
    int64_t& stride = from.strides[static_cast<size_t>(d)];
    from.offset += stride * (operands[0].shape().dim(static_cast<size_t>(d)) - 1);
    stride = -stride;
  }
  Literal result = Literal::uninitialized(instruction.shape());
  copy_box(instruction.shape().dims(), result, View::whole(instruction.shape()), operands[0], from);
  return result;
}

Literal eval_slice(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const SliceRanges& slice = instruction.attrs<SliceAttrs>().slice;
  const Dims& sizes = instruction.shape().dims();
  View from = View::whole(operands[0].shape());
  Literal result = Literal::uninitialized(instruction.shape());
  if (instruction.shape().element_count() == 0) return result;
  from.offset = offset_of(slice.starts, from.strides);
  for (size_t d = 0; d < sizes.size(); ++d) from.strides[d] = step(sizes[d], from.strides[d], slice.strides[d]);
  copy_box(sizes, result, View::whole(instruction.shape()), operands[0], from);
  return result;
}

Literal eval_concatenate(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto dimension = static_cast<size_t>(instruction.attrs<DimensionsAttrs>().dimensions[0]);
  Literal result = Literal::uninitialized(instruction.shape());
  if (instruction.shape().element_count() == 0) return result;
  View to = View::whole(instruction.shape());
  for (const Literal& operand : operands) {
    copy_box(operand.shape().dims(), result, to, operand, View::whole(operand.shape()));
    to.offset += operand.shape().dim(dimension) * to.strides[dimension];
  }
  return result;
}

Literal eval_pad(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& padding = instruction.attrs<PadAttrs>().padding.dims;
  const Shape& shape = instruction.shape();
  Literal result = filled(shape, operands[1]);
  if (shape.element_count() == 0 || operands[0].shape().element_count() == 0) return result;
  View to = View::whole(shape);
  View from = View::whole(operands[0].shape());
  Dims sizes;
  for (size_t d = 0; d < shape.rank(); ++d) {
    const Kept kept = kept_by(padding[d], operands[0].shape().dim(d), shape.dim(d));
    sizes.push_back(kept.count);
    to.offset += kept.to * to.strides[d];
    from.offset += kept.first * from.strides[d];
    to.strides[d] = step(kept.count, to.strides[d], padding[d].interior + 1);
  }
  copy_box(sizes, result, to, operands[0], from);
  return result;
}

}  // namespace gshard
