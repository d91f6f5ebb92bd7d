#include "autodiff/table.h"

#include <array>

#include "autodiff/gradients.h"
#include "autodiff/gradients_pointwise.h"
#include "ops/build.h"

namespace gshard {
namespace {

constexpr double kErfSlope = 1.1283791670955126;  // 2 / sqrt(pi)

constexpr std::string_view kAsynchronous = "halves of asynchronous ops are made after gradients are taken";
constexpr std::string_view kDynamic = "sizes that are known only at run time have none";

constexpr GradientRow differentiable(Op op, void (*gradient)(Pullback&)) { return {op, gradient}; }
constexpr GradientRow flat(Op op) { return {op}; }
constexpr GradientRow without(Op op, std::string_view reason) { return {op, nullptr, nullptr, reason}; }

constexpr GradientRow unary(Op op, Value (*function)(Value, Value, Value)) { return {op, nullptr, function}; }

Value square(Value x) { return multiply(x, x); }

constexpr std::array kRows = {
    differentiable(Op::abs, gradient_abs),
    unary(Op::acos, [](Value ct, Value x, Value) { return negate(multiply(ct, rsqrt(subtract(1, square(x))))); }),
    unary(Op::acosh,
          [](Value ct, Value x, Value) { return multiply(ct, multiply(rsqrt(subtract(x, 1)), rsqrt(add(x, 1)))); }),
    differentiable(Op::add,
                   [](Pullback& p) {
                     p.give(0, p.cotangent());
                     p.give(1, p.cotangent());
                   }),
    differentiable(Op::add_dependency, gradient_identity),
    flat(Op::after_all),
    differentiable(Op::all_gather, gradient_all_gather),
    without(Op::all_gather_done, kAsynchronous),
    without(Op::all_gather_start, kAsynchronous),
    differentiable(Op::all_reduce, gradient_all_reduce),
    without(Op::all_reduce_done, kAsynchronous),
    without(Op::all_reduce_start, kAsynchronous),
    differentiable(Op::all_to_all, gradient_all_to_all),
    flat(Op::and_),
    unary(Op::asin, [](Value ct, Value x, Value) { return multiply(ct, rsqrt(subtract(1, square(x)))); }),
    unary(Op::asinh, [](Value ct, Value x, Value) { return multiply(ct, rsqrt(add(square(x), 1))); }),
    without(Op::async_done, kAsynchronous),
    without(Op::async_start, kAsynchronous),
    without(Op::async_update, kAsynchronous),
    differentiable(Op::atan2, gradient_atan2),
    unary(Op::atanh, [](Value ct, Value x, Value) { return divide(ct, subtract(1, square(x))); }),
    without(Op::batch_norm_grad, "it is a gradient itself; a batch norm of simple ops can be differentiated twice"),
    differentiable(Op::batch_norm_inference, gradient_batch_norm_inference),
    differentiable(Op::batch_norm_training, gradient_batch_norm_training),
    differentiable(Op::bitcast, gradient_bitcast),
    without(Op::bitcast_convert, "it reads numbers as bits of another type"),
    differentiable(Op::broadcast, gradient_broadcast),
    differentiable(Op::call, gradient_call),
    unary(Op::cbrt, [](Value ct, Value, Value y) { return divide(ct, multiply(square(y), 3)); }),
    flat(Op::ceil),
    differentiable(Op::cholesky, gradient_cholesky),
    differentiable(Op::clamp, gradient_clamp),
    flat(Op::count_leading_zeros),
    without(Op::collective_broadcast, "an all-reduce of what one device selects has one"),
    differentiable(Op::collective_permute, gradient_collective_permute),
    without(Op::collective_permute_done, kAsynchronous),
    without(Op::collective_permute_start, kAsynchronous),
    flat(Op::compare),
    differentiable(Op::complex, gradient_complex),
    differentiable(Op::concatenate, gradient_concatenate),
    differentiable(Op::conditional, gradient_conditional),
    flat(Op::constant),
    differentiable(Op::convert, gradient_convert),
    differentiable(Op::convolution, gradient_convolution),
    differentiable(Op::copy, gradient_identity),
    without(Op::copy_done, kAsynchronous),
    without(Op::copy_start, kAsynchronous),
    unary(Op::cosine, [](Value ct, Value x, Value) { return negate(multiply(ct, sine(x))); }),
    unary(Op::cosh, [](Value ct, Value x, Value) { return multiply(ct, sinh(x)); }),
    differentiable(Op::custom_call, gradient_custom_call),
    differentiable(Op::divide, gradient_divide),
    differentiable(Op::domain, gradient_identity),
    differentiable(Op::dot, gradient_dot),
    without(Op::dynamic_reshape, kDynamic),
    differentiable(Op::dynamic_slice, gradient_dynamic_slice),
    differentiable(Op::dynamic_update_slice, gradient_dynamic_update_slice),
    unary(Op::erf,
          [](Value ct, Value x, Value) { return multiply(ct, multiply(exponential(negate(square(x))), kErfSlope)); }),
    unary(Op::exponential, [](Value ct, Value, Value y) { return multiply(ct, y); }),
    unary(Op::exponential_minus_one, [](Value ct, Value, Value y) { return multiply(ct, add(y, 1)); }),
    differentiable(Op::fft, gradient_fft),
    flat(Op::floor),
    differentiable(Op::fusion, gradient_call),
    differentiable(Op::gather, gradient_gather),
    flat(Op::get_dimension_size),
    differentiable(Op::get_tuple_element, gradient_get_tuple_element),
    differentiable(Op::imag, gradient_imag),
    flat(Op::infeed),
    flat(Op::iota),
    flat(Op::is_finite),
    unary(Op::log, [](Value ct, Value x, Value) { return divide(ct, x); }),
    unary(Op::log_plus_one, [](Value ct, Value x, Value) { return divide(ct, add(x, 1)); }),
    unary(Op::logistic, [](Value ct, Value, Value y) { return multiply(ct, multiply(y, subtract(1, y))); }),
    differentiable(Op::map, gradient_map),
    differentiable(Op::maximum, gradient_maximum),
    differentiable(Op::minimum, gradient_minimum),
    flat(Op::mulhi),
    differentiable(Op::multiply, gradient_multiply),
    unary(Op::negate, [](Value ct, Value, Value) { return negate(ct); }),
    flat(Op::not_),
    differentiable(Op::opt_barrier, gradient_opt_barrier),
    flat(Op::or_),
    flat(Op::outfeed),
    differentiable(Op::pad, gradient_pad),
    flat(Op::parameter),
    flat(Op::partition_id),
    flat(Op::popcnt),
    differentiable(Op::power, gradient_power),
    without(Op::ragged_all_to_all, "it is known only at run time what goes where"),
    differentiable(Op::ragged_dot, gradient_ragged_dot),
    differentiable(Op::real, gradient_real),
    flat(Op::recv),
    flat(Op::recv_done),
    differentiable(Op::reduce, gradient_reduce),
    differentiable(Op::reduce_precision, gradient_reduce_precision),
    differentiable(Op::reduce_scatter, gradient_reduce_scatter),
    differentiable(Op::reduce_window, gradient_reduce_window),
    differentiable(Op::remainder, gradient_remainder),
    flat(Op::replica_id),
    differentiable(Op::reshape, gradient_reshape),
    differentiable(Op::reverse, gradient_reverse),
    without(Op::rng, "the draw is not a function of its bounds; scale one from fixed bounds"),
    flat(Op::rng_bit_generator),
    flat(Op::rng_get_and_update_state),
    flat(Op::round_nearest_afz),
    flat(Op::round_nearest_even),
    unary(Op::rsqrt, [](Value ct, Value x, Value y) { return multiply(multiply(ct, -0.5), divide(y, x)); }),
    without(Op::scaled_dot, "its factors are rounded to few bits"),
    differentiable(Op::scan, gradient_scan),
    differentiable(Op::scatter, gradient_scatter),
    differentiable(Op::select, gradient_select),
    differentiable(Op::select_and_scatter, gradient_select_and_scatter),
    flat(Op::send),
    flat(Op::send_done),
    without(Op::set_dimension_size, kDynamic),
    flat(Op::shift_left),
    flat(Op::shift_right_arithmetic),
    flat(Op::shift_right_logical),
    differentiable(Op::sign, gradient_sign),
    unary(Op::sine, [](Value ct, Value x, Value) { return multiply(ct, cosine(x)); }),
    unary(Op::sinh, [](Value ct, Value x, Value) { return multiply(ct, cosh(x)); }),
    differentiable(Op::slice, gradient_slice),
    differentiable(Op::sort, gradient_sort),
    unary(Op::sqrt, [](Value ct, Value, Value y) { return divide(multiply(ct, 0.5), y); }),
    differentiable(Op::stochastic_convert, gradient_convert),
    differentiable(Op::subtract,
                   [](Pullback& p) {
                     p.give(0, p.cotangent());
                     p.give(1, [&] { return negate(p.cotangent()); });
                   }),
    unary(Op::tan, [](Value ct, Value, Value y) { return multiply(ct, add(square(y), 1)); }),
    unary(Op::tanh, [](Value ct, Value, Value y) { return multiply(ct, subtract(1, square(y))); }),
    differentiable(Op::topk, gradient_topk),
    differentiable(Op::transpose, gradient_transpose),
    differentiable(Op::triangular_solve, gradient_triangular_solve),
    differentiable(Op::tuple, gradient_tuple),
    differentiable(Op::while_, gradient_while),
    flat(Op::xor_),
};

constexpr bool is_complete() {
  if (kRows.size() != kOpCount) return false;
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].op != static_cast<Op>(i)) return false;
  }
  return true;
}
static_assert(is_complete(), "one row per op, in the order of ir/ops.inc");

}  // namespace

void differentiate(Op op, Pullback& p) {
  const GradientRow& row = gradient_row_of(op);
  if (!row.refusal.empty()) p.refuse(row.refusal);
  if (row.gradient != nullptr) row.gradient(p);
  if (row.unary != nullptr) p.give(0, [&] { return row.unary(p.cotangent(), p.operand(0), p.result()); });
}

const GradientRow& gradient_row_of(Op op) { return kRows[static_cast<size_t>(op)]; }

}  // namespace gshard
