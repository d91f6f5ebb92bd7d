#include "backend/cpu/loop_ops.h"

#include <algorithm>

#include "backend/cpu/pointwise_ops.h"
#include "ops/constants.h"
#include "ops/reducer.h"

namespace gshard::cpu {
namespace {

bool is_loop_type(DType type) {
  switch (type) {
    case DType::pred:
    case DType::s8:
    case DType::s16:
    case DType::s32:
    case DType::s64:
    case DType::u8:
    case DType::u16:
    case DType::u32:
    case DType::u64:
    case DType::bf16:
    case DType::f16:
    case DType::f32:
    case DType::f64:
      return true;
    default:
      return false;
  }
}

bool has_loop_types(const Instruction& x) {
  for (const Instruction* operand : x.operands()) {
    if (operand->shape().is_array() && !is_loop_type(operand->shape().type())) return false;
  }
  return !x.shape().is_array() || (is_loop_type(x.shape().type()) && x.shape().element_count() > 0);
}

bool is_lane_reducer(const Computation& reducer) {
  return std::all_of(reducer.instructions().begin(), reducer.instructions().end(), [](const auto& x) {
    if (!has_loop_types(*x)) return false;
    if (x->op() == Op::parameter || x->op() == Op::tuple) return true;
    if (x->op() == Op::constant) return x->shape().is_scalar();
    return x->shape().is_scalar() && is_pointwise_loop_op(*x);
  });
}

bool is_loop_reduce(const Instruction& x) {
  for (size_t i = 0; i < x.operand_count(); ++i) {
    if (x.operand(i)->shape().element_count() == 0) return false;
  }
  for (size_t i = 0; i < x.operand_count() / 2; ++i) {
    if (x.callees()[0]->parameter(i)->shape().type() != x.operand(i)->shape().type()) return false;
  }
  return is_lane_reducer(*x.callees()[0]);
}

// Windows that are small: every place of them is looked at.
bool is_loop_window(const Instruction& x) {
  constexpr int64_t kMostPlaces = 64;
  constexpr int64_t kLongest = INT32_MAX;
  if (!is_loop_reduce(x)) return false;
  const Shape& input = x.operand(0)->shape();
  const Shape& output = x.shape().is_tuple() ? x.shape().element(0) : x.shape();
  if (output.element_count() == 0) return false;
  const std::vector<WindowDim>& dims = x.attrs<WindowAttrs>().window.dims;
  int64_t places = 1;
  for (size_t d = 0; d < dims.size(); ++d) {
    const WindowDim& w = dims[d];
    if (w.base_dilation != 1 || w.size > kMostPlaces) return false;
    for (int64_t length : {w.stride, w.window_dilation, w.pad_low, -w.pad_low, input.dim(d), output.dim(d)}) {
      if (length > kLongest) return false;
    }
    places *= w.size;
    if (places > kMostPlaces) return false;
    if (reaches_padding(w, input.dim(d), output.dim(d)) && !is_start_neutral(x)) return false;
  }
  return true;
}

// A scatter of one array, which overwrites elements or combines them by one op.
bool is_loop_scatter(const Instruction& x) {
  if (x.operand_count() != 3) return false;
  const DType type = x.operand(0)->shape().type();
  for (const Instruction* operand : x.operands()) {
    if (operand->shape().element_count() == 0) return false;
  }
  if (x.shape().type() != type || x.operand(2)->shape().type() != type) return false;
  const Instruction& root = *x.callees()[0]->root();
  if (root.op() == Op::parameter) return root.attrs<ParameterAttrs>().number == 1;
  return root.operand_count() == 2 && root.operand(0)->op() == Op::parameter &&
         root.operand(1)->op() == Op::parameter && root.shape() == Shape(type) && is_pointwise_loop_op(root);
}

bool is_loop_pad(const Instruction& x) {
  const auto& dims = x.attrs<PadAttrs>().padding.dims;
  return x.operand(0)->shape().element_count() > 0 &&
         std::all_of(dims.begin(), dims.end(), [](const PaddingDim& d) { return d.interior == 0; });
}

}  // namespace

bool reaches_padding(const WindowDim& window, int64_t input, int64_t output) {
  const int64_t last = (output - 1) * window.stride + (window.size - 1) * window.window_dilation - window.pad_low;
  return window.pad_low > 0 || last >= input;
}

bool is_start_neutral(const Instruction& x) {
  if (x.operand_count() != 2) return false;
  const Reducer reducer = reducer_of(*x.callees()[0]);
  if (reducer == Reducer::max || reducer == Reducer::min || reducer == Reducer::and_ || reducer == Reducer::or_)
    return true;
  const Instruction& start = *x.operand(1);
  if (start.op() != Op::constant || (reducer != Reducer::add && reducer != Reducer::mul)) return false;
  return start.attrs<ConstantAttrs>().value == neutral_element(reducer, start.shape().type());
}

bool is_loop_op(const Instruction& x) {
  if (x.op() == Op::get_tuple_element) {
    const bool is_reduction = x.operand(0)->op() == Op::reduce || x.operand(0)->op() == Op::reduce_window;
    return is_reduction && is_loop_op(*x.operand(0));
  }
  if (!has_loop_types(x)) return false;
  switch (x.op()) {
    case Op::broadcast:
    case Op::concatenate:
    case Op::copy:
    case Op::dynamic_slice:
    case Op::iota:
    case Op::reshape:
    case Op::reverse:
    case Op::slice:
    case Op::transpose:
      return x.shape().is_array();
    case Op::bitcast:
      return x.shape().type() == x.operand(0)->shape().type();
    case Op::constant:
      return x.shape().is_scalar();
    case Op::dynamic_update_slice:
      return x.operand(1)->shape().element_count() > 0;
    case Op::gather:
      return x.operand(0)->shape().element_count() > 0;
    case Op::pad:
      return is_loop_pad(x);
    case Op::reduce:
      return is_loop_reduce(x);
    case Op::reduce_window:
      return is_loop_window(x);
    case Op::scatter:
      return is_loop_scatter(x);
    default:
      return x.shape().is_array() && is_pointwise_loop_op(x);
  }
}

bool is_free(const Instruction& x) {
  switch (x.op()) {
    case Op::constant:
      return x.shape().is_scalar() && has_loop_types(x) && !x.attrs<ConstantAttrs>().value.is_elided();
    case Op::iota:
      return has_loop_types(x);
    case Op::broadcast:
      return has_loop_types(x) && is_free(*x.operand(0));
    default:
      return false;
  }
}

}  // namespace gshard::cpu
