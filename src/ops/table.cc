#include "ops/table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ops/infer.h"

namespace gshard {
namespace {

using enum Traits;
using enum Types;

constexpr std::array kRows = {
    OpRow{Op::abs, operands(1), attributes<NoAttrs>(), infer_unary_to_real, signed_int | inexact, pointwise},
    OpRow{Op::acos, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::acosh, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::add, operands(2), attributes<NoAttrs>(), infer_binary, any, pointwise | commutative},
    OpRow{Op::add_dependency, operands(2), attributes<NoAttrs>(), infer_add_dependency},
    OpRow{Op::after_all, operands(0, kAny), attributes<NoAttrs>(), infer_after_all},
    OpRow{Op::all_gather, operands(1, kAny), attributes<CollectiveAttrs>(), infer_all_gather, unchecked, collective},
    OpRow{Op::all_gather_done, operands(1), attributes<NoAttrs>(), infer_all_gather_done, unchecked, collective},
    OpRow{Op::all_gather_start, operands(1, kAny), attributes<CollectiveAttrs>(), infer_all_gather_start, unchecked,
          collective},
    OpRow{Op::all_reduce, operands(1, kAny), attributes<CollectiveAttrs>(), infer_all_reduce, unchecked, collective,
          "to_apply"},
    OpRow{Op::all_reduce_done, operands(1), attributes<NoAttrs>(), infer_same_as_operand, unchecked, collective},
    OpRow{Op::all_reduce_start, operands(1, kAny), attributes<CollectiveAttrs>(), infer_all_reduce, unchecked,
          collective, "to_apply"},
    OpRow{Op::all_to_all, operands(1, kAny), attributes<CollectiveAttrs>(), infer_all_to_all, unchecked, collective},
    OpRow{Op::and_, operands(2), attributes<NoAttrs>(), infer_binary, bits, pointwise | commutative},
    OpRow{Op::asin, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::asinh, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::async_done, operands(1), attributes<AsyncAttrs>(), infer_async_done, unchecked, none, "calls?"},
    OpRow{Op::async_start, operands(0, kAny), attributes<AsyncAttrs>(), infer_async_start, unchecked, none, "calls"},
    OpRow{Op::async_update, operands(1), attributes<AsyncAttrs>(), infer_async_update, unchecked, none, "calls?"},
    OpRow{Op::atan2, operands(2), attributes<NoAttrs>(), infer_binary, inexact, pointwise | transcendental},
    OpRow{Op::atanh, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::batch_norm_grad, operands(5), attributes<BatchNormAttrs>(), infer_batch_norm_grad, floating},
    OpRow{Op::batch_norm_inference, operands(5), attributes<BatchNormAttrs>(), infer_batch_norm_inference, floating},
    OpRow{Op::batch_norm_training, operands(3), attributes<BatchNormAttrs>(), infer_batch_norm_training, floating},
    OpRow{Op::bitcast, operands(1), attributes<NoAttrs>(), infer_bitcast, unchecked, data_movement | declared_shape},
    OpRow{Op::bitcast_convert, operands(1), attributes<NoAttrs>(), infer_bitcast_convert, any, declared_shape},
    OpRow{Op::broadcast, operands(1), attributes<DimensionsAttrs>(), infer_broadcast, any,
          data_movement | declared_shape},
    OpRow{Op::call, operands(0, kAny), attributes<CallAttrs>(), infer_call, unchecked, none, "to_apply"},
    OpRow{Op::cbrt, operands(1), attributes<AccuracyAttrs>(), infer_unary, floating, pointwise | transcendental},
    OpRow{Op::ceil, operands(1), attributes<NoAttrs>(), infer_unary, floating, pointwise},
    OpRow{Op::cholesky, operands(1), attributes<CholeskyAttrs>(), infer_cholesky, inexact},
    OpRow{Op::clamp, operands(3), attributes<NoAttrs>(), infer_clamp, bits | floating, pointwise},
    OpRow{Op::count_leading_zeros, operands(1), attributes<NoAttrs>(), infer_unary, integer, pointwise},
    OpRow{Op::collective_broadcast, operands(1, kAny), attributes<CollectiveAttrs>(), infer_collective_broadcast,
          unchecked, collective},
    OpRow{Op::collective_permute, operands(1, kAny), attributes<CollectivePermuteAttrs>(), infer_collective_permute,
          unchecked, collective},
    OpRow{Op::collective_permute_done, operands(1), attributes<NoAttrs>(), infer_collective_permute_done, unchecked,
          collective},
    OpRow{Op::collective_permute_start, operands(1, kAny), attributes<CollectivePermuteAttrs>(),
          infer_collective_permute_start, unchecked, collective},
    OpRow{Op::compare, operands(2), attributes<CompareAttrs>(), infer_compare, any, pointwise},
    OpRow{Op::complex, operands(2), attributes<NoAttrs>(), infer_complex, floating, pointwise},
    OpRow{Op::concatenate, operands(1, kAny), attributes<DimensionsAttrs>(), infer_concatenate, any, data_movement},
    OpRow{Op::conditional, operands(2, kAny), attributes<NoAttrs>(), infer_conditional, unchecked, none,
          "branch_computations*"},
    OpRow{Op::constant, operands(0), attributes<ConstantAttrs>(), infer_constant, unchecked, declared_shape},
    OpRow{Op::convert, operands(1), attributes<NoAttrs>(), infer_convert, any, pointwise | declared_shape},
    OpRow{Op::convolution, operands(2), attributes<ConvolutionAttrs>(), infer_convolution, any},
    OpRow{Op::copy, operands(1), attributes<NoAttrs>(), infer_same_as_operand, unchecked, data_movement},
    OpRow{Op::copy_done, operands(1), attributes<NoAttrs>(), infer_copy_done},
    OpRow{Op::copy_start, operands(1), attributes<CopyStartAttrs>(), infer_copy_start},
    OpRow{Op::cosine, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::cosh, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::custom_call, operands(0, kAny), attributes<CustomCallAttrs>(), infer_custom_call, unchecked,
          declared_shape, "called_computations*"},
    OpRow{Op::divide, operands(2), attributes<NoAttrs>(), infer_binary, number, pointwise},
    OpRow{Op::domain, operands(1), attributes<DomainAttrs>(), infer_same_as_operand},
    OpRow{Op::dot, operands(2), attributes<DotAttrs>(), infer_dot, any},
    OpRow{Op::dynamic_reshape, operands(1, kAny), attributes<NoAttrs>(), infer_dynamic_reshape, any,
          data_movement | declared_shape},
    OpRow{Op::dynamic_slice, operands(1, kAny), attributes<DynamicSliceAttrs>(), infer_dynamic_slice, any,
          data_movement},
    OpRow{Op::dynamic_update_slice, operands(2, kAny), attributes<NoAttrs>(), infer_dynamic_update_slice, any,
          data_movement},
    OpRow{Op::erf, operands(1), attributes<AccuracyAttrs>(), infer_unary, floating, pointwise | transcendental},
    OpRow{Op::exponential, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::exponential_minus_one, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact,
          pointwise | transcendental},
    OpRow{Op::fft, operands(1), attributes<FftAttrs>(), infer_fft, inexact},
    OpRow{Op::floor, operands(1), attributes<NoAttrs>(), infer_unary, floating, pointwise},
    OpRow{Op::fusion, operands(0, kAny), attributes<FusionAttrs>(), infer_call, unchecked, none, "calls"},
    OpRow{Op::gather, operands(2), attributes<GatherAttrs>(), infer_gather, any, data_movement},
    OpRow{Op::get_dimension_size, operands(1), attributes<DimensionSizeAttrs>(), infer_get_dimension_size, any},
    OpRow{Op::get_tuple_element, operands(1), attributes<TupleIndexAttrs>(), infer_get_tuple_element},
    OpRow{Op::imag, operands(1), attributes<NoAttrs>(), infer_unary_to_real, inexact, pointwise},
    OpRow{Op::infeed, operands(1), attributes<InfeedAttrs>(), infer_infeed, unchecked, side_effect | declared_shape},
    OpRow{Op::iota, operands(0), attributes<IotaAttrs>(), infer_iota, unchecked, declared_shape},
    OpRow{Op::is_finite, operands(1), attributes<NoAttrs>(), infer_is_finite, floating, pointwise},
    OpRow{Op::log, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::log_plus_one, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::logistic, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::map, operands(1, kAny), attributes<DimensionsAttrs>(), infer_map, any, none, "to_apply"},
    OpRow{Op::maximum, operands(2), attributes<NoAttrs>(), infer_binary, any, pointwise | commutative},
    OpRow{Op::minimum, operands(2), attributes<NoAttrs>(), infer_binary, any, pointwise | commutative},
    OpRow{Op::mulhi, operands(2), attributes<NoAttrs>(), infer_binary, integer, pointwise | commutative},
    OpRow{Op::multiply, operands(2), attributes<NoAttrs>(), infer_binary, any, pointwise | commutative},
    OpRow{Op::negate, operands(1), attributes<NoAttrs>(), infer_unary, number, pointwise},
    OpRow{Op::not_, operands(1), attributes<NoAttrs>(), infer_unary, bits, pointwise},
    OpRow{Op::opt_barrier, operands(1), attributes<NoAttrs>(), infer_same_as_operand},
    OpRow{Op::or_, operands(2), attributes<NoAttrs>(), infer_binary, bits, pointwise | commutative},
    OpRow{Op::outfeed, operands(2), attributes<OutfeedAttrs>(), infer_outfeed, unchecked, side_effect},
    OpRow{Op::pad, operands(2), attributes<PadAttrs>(), infer_pad, any, data_movement},
    OpRow{Op::parameter, operands(0), attributes<ParameterAttrs>(), infer_declared, unchecked, declared_shape},
    OpRow{Op::partition_id, operands(0), attributes<NoAttrs>(), infer_device_id},
    OpRow{Op::popcnt, operands(1), attributes<NoAttrs>(), infer_unary, integer, pointwise},
    OpRow{Op::power, operands(2), attributes<NoAttrs>(), infer_binary, number, pointwise | transcendental},
    OpRow{Op::ragged_all_to_all, operands(6), attributes<CollectiveAttrs>(), infer_ragged_all_to_all, any, collective},
    OpRow{Op::ragged_dot, operands(3), attributes<RaggedDotAttrs>(), infer_ragged_dot, any},
    OpRow{Op::real, operands(1), attributes<NoAttrs>(), infer_unary_to_real, inexact, pointwise},
    OpRow{Op::recv, operands(1), attributes<ChannelAttrs>(), infer_recv, unchecked, side_effect | declared_shape},
    OpRow{Op::recv_done, operands(1), attributes<ChannelAttrs>(), infer_recv_done, unchecked, side_effect},
    OpRow{Op::reduce, operands(2, kAny), attributes<DimensionsAttrs>(), infer_reduce, any, none, "to_apply"},
    OpRow{Op::reduce_precision, operands(1), attributes<ReducePrecisionAttrs>(), infer_reduce_precision, floating,
          pointwise},
    OpRow{Op::reduce_scatter, operands(1, kAny), attributes<CollectiveAttrs>(), infer_reduce_scatter, unchecked,
          collective, "to_apply"},
    OpRow{Op::reduce_window, operands(2, kAny), attributes<WindowAttrs>(), infer_reduce_window, any, none, "to_apply"},
    OpRow{Op::remainder, operands(2), attributes<NoAttrs>(), infer_binary, integer | floating, pointwise},
    OpRow{Op::replica_id, operands(0), attributes<NoAttrs>(), infer_device_id},
    OpRow{Op::reshape, operands(1), attributes<NoAttrs>(), infer_reshape, any, data_movement | declared_shape},
    OpRow{Op::reverse, operands(1), attributes<DimensionsAttrs>(), infer_reverse, any, data_movement},
    OpRow{Op::rng, operands(1, kAny), attributes<RngAttrs>(), infer_rng, any, side_effect | declared_shape},
    OpRow{Op::rng_bit_generator, operands(1), attributes<RngBitGeneratorAttrs>(), infer_rng_bit_generator, unsigned_int,
          declared_shape},
    OpRow{Op::rng_get_and_update_state, operands(0), attributes<RngStateAttrs>(), infer_rng_get_and_update_state,
          unchecked, side_effect | declared_shape},
    OpRow{Op::round_nearest_afz, operands(1), attributes<NoAttrs>(), infer_unary, floating, pointwise},
    OpRow{Op::round_nearest_even, operands(1), attributes<NoAttrs>(), infer_unary, floating, pointwise},
    OpRow{Op::rsqrt, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::scaled_dot, operands(4), attributes<DotAttrs>(), infer_scaled_dot, any},
    OpRow{Op::scan, operands(1, kAny), attributes<ScanAttrs>(), infer_scan, any, none, "to_apply"},
    OpRow{Op::scatter, operands(3, kAny), attributes<ScatterAttrs>(), infer_scatter, any, none, "to_apply"},
    OpRow{Op::select, operands(3), attributes<NoAttrs>(), infer_select, boolean, pointwise},
    OpRow{Op::select_and_scatter, operands(3), attributes<WindowAttrs>(), infer_select_and_scatter, any, none,
          "select scatter"},
    OpRow{Op::send, operands(2), attributes<ChannelAttrs>(), infer_send, unchecked, side_effect},
    OpRow{Op::send_done, operands(1), attributes<ChannelAttrs>(), infer_send_done, unchecked, side_effect},
    OpRow{Op::set_dimension_size, operands(2), attributes<DimensionSizeAttrs>(), infer_set_dimension_size, any},
    OpRow{Op::shift_left, operands(2), attributes<NoAttrs>(), infer_binary, integer, pointwise},
    OpRow{Op::shift_right_arithmetic, operands(2), attributes<NoAttrs>(), infer_binary, integer, pointwise},
    OpRow{Op::shift_right_logical, operands(2), attributes<NoAttrs>(), infer_binary, integer, pointwise},
    OpRow{Op::sign, operands(1), attributes<NoAttrs>(), infer_unary, signed_int | inexact, pointwise},
    OpRow{Op::sine, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::sinh, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::slice, operands(1), attributes<SliceAttrs>(), infer_slice, any, data_movement},
    OpRow{Op::sort, operands(1, kAny), attributes<SortAttrs>(), infer_sort, any, none, "to_apply"},
    OpRow{Op::sqrt, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::stochastic_convert, operands(2), attributes<NoAttrs>(), infer_stochastic_convert, floating,
          pointwise | declared_shape},
    OpRow{Op::subtract, operands(2), attributes<NoAttrs>(), infer_binary, number, pointwise},
    OpRow{Op::tan, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::tanh, operands(1), attributes<AccuracyAttrs>(), infer_unary, inexact, pointwise | transcendental},
    OpRow{Op::topk, operands(1), attributes<TopKAttrs>(), infer_topk, bits | floating},
    OpRow{Op::transpose, operands(1), attributes<DimensionsAttrs>(), infer_transpose, any, data_movement},
    OpRow{Op::triangular_solve, operands(2), attributes<TriangularSolveAttrs>(), infer_triangular_solve, inexact},
    OpRow{Op::tuple, operands(0, kAny), attributes<NoAttrs>(), infer_tuple},
    OpRow{Op::while_, operands(1), attributes<NoAttrs>(), infer_while, unchecked, none, "condition body"},
    OpRow{Op::xor_, operands(2), attributes<NoAttrs>(), infer_binary, bits, pointwise | commutative},
};

// A few lines of text can nest tuples into one of 2^60 elements; no program needs that.
constexpr int64_t kMaxLeaves = int64_t{1} << 18;
constexpr int64_t kMaxDepth = 100;

// Function pointers are not compared: under UBSan that is no constant expression. The tests do it.
constexpr bool in_order() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].op != static_cast<Op>(i)) return false;
  }
  return true;
}
static_assert(kRows.size() == kOpCount, "every opcode of ir/ops.inc needs a row");
static_assert(in_order(), "the rows stand in the order of ir/ops.inc");

// The numbers of computations that a row's callee keywords allow; max is kAny for a list.
OperandCount callee_count(std::string_view keywords) {
  OperandCount count{0, 0};
  for (size_t start = 0; start < keywords.size();) {
    const size_t end = std::min(keywords.find(' ', start), keywords.size());
    const char last = keywords[end - 1];
    if (last != '?' && last != '*') ++count.min;
    if (count.max != kAny) count.max = last == '*' ? kAny : count.max + 1;
    start = end + 1;
  }
  return count;
}

void check_count(const Instruction& instruction, size_t count, OperandCount allowed, std::string_view what) {
  const auto n = static_cast<int64_t>(count);
  if (n >= allowed.min && (allowed.max == kAny || n <= allowed.max)) return;
  const char* bound = allowed.min == allowed.max ? "" : n < allowed.min ? "at least " : "at most ";
  fail(instruction, "needs {}{} {}, has {}", bound, n < allowed.min ? allowed.min : allowed.max, what, n);
}

}  // namespace

bool has(Types set, DType type) {
  switch (class_of(type)) {
    case DTypeClass::boolean:
      return has(set, boolean);
    case DTypeClass::signed_int:
      return has(set, signed_int);
    case DTypeClass::unsigned_int:
      return has(set, unsigned_int);
    case DTypeClass::floating:
      return has(set, floating);
    case DTypeClass::complex_float:
      return has(set, complex_float);
    case DTypeClass::other:
      return false;
  }
  return false;
}

const OpRow& row_of(Op op) { return kRows[static_cast<size_t>(op)]; }

const Attributes& default_attributes(Op op) {
  static const auto* const kDefaults = []<size_t... I>(std::index_sequence<I...>) {
    return new std::array<Attributes, sizeof...(I)>{Attributes(std::in_place_index<I>)...};
  }
  (std::make_index_sequence<std::variant_size_v<Attributes>>());
  return (*kDefaults)[row_of(op).attributes];
}

Shape infer_shape(const Instruction& instruction) {
  const OpRow& row = row_of(instruction.op());
  check_count(instruction, instruction.operand_count(), row.operands, "operands");
  check_count(instruction, instruction.callees().size(), callee_count(row.callees), "called computations");
  if (row.types != unchecked) {
    const Shape& first = instruction.operand(0)->shape();
    require(has(row.types, first.type()), instruction, "operand 0 cannot be {}; {} are admitted", first,
            names_of(row.types));
  }
  GSHARD_CHECK(instruction.attributes().index() == row.attributes, instruction.name());
  Shape shape = row.infer(instruction);
  require(shape.leaf_count() <= kMaxLeaves && shape.tuple_depth() <= kMaxDepth, instruction,
          "the result is a tuple of {} arrays in {} levels, at most {} and {} can be handled", shape.leaf_count(),
          shape.tuple_depth(), kMaxLeaves, kMaxDepth);
  return shape;
}

bool has_side_effect(const Instruction& instruction) {
  if (has(row_of(instruction.op()).traits, side_effect)) return true;
  return instruction.op() == Op::custom_call && instruction.attrs<CustomCallAttrs>().custom_call_has_side_effect;
}

}  // namespace gshard
