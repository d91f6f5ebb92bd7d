// scan: a body run step by step along a dimension; and the sizes of dimensions.
#include <algorithm>
#include <cstring>

#include "eval/elements.h"
#include "eval/evaluator.h"

namespace gshard {
namespace {

// Where step `at` of a dimension lies in an array: `outer` runs of `inner` bytes, `stride` bytes apart.
struct StepBytes {
  size_t outer;
  size_t inner;
  size_t stride;
  StepBytes(const Shape& shape, size_t dimension) {
    inner = static_cast<size_t>(row_major_strides(shape.dims())[dimension] * bytes_of(shape.type()));
    stride = inner * static_cast<size_t>(shape.dim(dimension));
    outer = stride == 0 ? 0 : static_cast<size_t>(shape.byte_size()) / stride;
  }
};

Literal step_of(const Literal& array, size_t dimension, size_t at) {
  Dims dims = array.shape().dims();
  dims.erase(dims.begin() + dimension);
  Literal slice = Literal::uninitialized(Shape(array.shape().type(), dims));
  const StepBytes step(array.shape(), dimension);
  std::byte* to = slice.mutable_bytes();
  for (size_t i = 0; i < step.outer; ++i) {
    std::memcpy(to + i * step.inner, array.bytes() + i * step.stride + at * step.inner, step.inner);
  }
  return slice;
}

void set_step(Literal& array, size_t dimension, size_t at, const Literal& slice) {
  const StepBytes step(array.shape(), dimension);
  std::byte* to = array.mutable_bytes();
  for (size_t i = 0; i < step.outer; ++i) {
    std::memcpy(to + i * step.stride + at * step.inner, slice.bytes() + i * step.inner, step.inner);
  }
}

const Shape& part_of(const Shape& shape, size_t i) { return shape.is_tuple() ? shape.element(i) : shape; }

}  // namespace

// Operands are inputs, then carries; results are outputs, then carries.
Literal eval_scan(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const auto& attrs = instruction.attrs<ScanAttrs>();
  const Shape& shape = instruction.shape();
  const auto dimension = static_cast<size_t>(attrs.dimensions[0]);
  const auto carries = static_cast<size_t>(attrs.num_carries);
  const size_t inputs = operands.size() - carries;
  const size_t results = shape.is_tuple() ? shape.tuple_size() : 1;
  const size_t outputs = results - carries;
  const Shape& sized = inputs > 0 ? operands[0].shape() : part_of(shape, 0);
  const auto steps = static_cast<size_t>(sized.dim(dimension));

  std::vector<Literal> made;
  for (size_t j = 0; j < outputs; ++j) made.emplace_back(part_of(shape, j).without_layout());
  std::vector<Literal> state(std::make_move_iterator(operands.begin() + static_cast<std::ptrdiff_t>(inputs)),
                             std::make_move_iterator(operands.end()));
  for (size_t step = 0; step < steps; ++step) {
    const size_t at = attrs.is_reverse ? steps - 1 - step : step;
    std::vector<Literal> arguments;
    for (size_t k = 0; k < inputs; ++k) arguments.push_back(step_of(operands[k], dimension, at));
    std::move(state.begin(), state.end(), std::back_inserter(arguments));
    Literal result = evaluator.call(*instruction.callees()[0], std::move(arguments));
    const bool is_tuple = result.shape().is_tuple();
    for (size_t j = 0; j < outputs; ++j) set_step(made[j], dimension, at, is_tuple ? result.elements()[j] : result);
    state.clear();
    for (size_t j = outputs; j < results; ++j) state.push_back(is_tuple ? result.take_element(j) : std::move(result));
  }
  std::move(state.begin(), state.end(), std::back_inserter(made));
  return shape.is_tuple() ? Literal::tuple(std::move(made)) : std::move(made[0]);
}

Literal eval_get_dimension_size(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto dimension = static_cast<size_t>(instruction.attrs<DimensionSizeAttrs>().dimensions[0]);
  return Literal::scalar(DType::s32, static_cast<int32_t>(operands[0].shape().dim(dimension)));
}

// Arrays have the sizes of their shapes: a dimension can be set to its own size only.
Literal eval_set_dimension_size(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto dimension = static_cast<size_t>(instruction.attrs<DimensionSizeAttrs>().dimensions[0]);
  const int64_t size = integer_at(operands[1], 0);
  if (size != operands[0].shape().dim(dimension)) {
    throw evaluation_error(instruction, "sets dimension " + std::to_string(dimension) + " of " +
                                            operands[0].shape().to_string() + " to " + std::to_string(size) +
                                            "; dynamic sizes cannot be evaluated");
  }
  return std::move(operands[0]);
}

}  // namespace gshard
