#include <utility>

#include "eval/elements.h"
#include "eval/evaluator.h"
#include "eval/indices.h"
#include "eval/movement.h"

namespace gshard {
namespace {

// The box of `sizes` in an array of `shape` that the start indices name: one scalar per dimension, or one vector.
View dynamic_box(const Shape& shape, const Dims& sizes, std::span<const Literal> starts) {
  std::vector<int64_t> indices;
  for (const Literal& start : starts) {
    for (int64_t index : integers_of(start)) indices.push_back(index);
  }
  View view = View::whole(shape);
  for (size_t d = 0; d < shape.rank(); ++d) {
    view.offset += clamp_start(indices[d], shape.dim(d), sizes[d]) * view.strides[d];
  }
  return view;
}

}  // namespace

Literal eval_dynamic_slice(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const Shape& shape = instruction.shape();
  Literal result = Literal::uninitialized(shape);
  if (shape.element_count() == 0) return result;
  const View from = dynamic_box(operands[0].shape(), shape.dims(), operands.subspan(1));
  copy_box(shape.dims(), result, View::whole(shape), operands[0], from);
  return result;
}

Literal eval_dynamic_update_slice(const Instruction&, std::span<Literal> operands, Evaluator&) {
  const Literal& update = operands[1];
  // Taken out of the operands, so that the bytes are written in place where nothing else holds them.
  Literal result = std::move(operands[0]);
  if (update.shape().element_count() == 0) return result;
  const View to = dynamic_box(result.shape(), update.shape().dims(), operands.subspan(2));
  copy_box(update.shape().dims(), result, to, update, View::whole(update.shape()));
  return result;
}

}  // namespace gshard
