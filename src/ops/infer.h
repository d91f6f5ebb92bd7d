// Inside of shape inference: one function per family of ops, and what they share.
//
// Each reads operands, attributes and callees, throws Error(program) where they do not fit, and returns the result's
// type. infer_shape() (ops/table.h) has checked the numbers of operands and callees and the type of operand 0.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ir/module.h"
#include "ops/table.h"

// Cut off where it is longer than anybody reads.
template <>
struct fmt::formatter<gshard::Shape> : fmt::formatter<std::string> {
  auto format(const gshard::Shape& shape, fmt::format_context& context) const {
    constexpr size_t kLongest = 200;
    std::string text = shape.to_string();
    if (text.size() > kLongest) text.replace(kLongest, std::string::npos, "...");
    return fmt::formatter<std::string>::format(text, context);
  }
};

template <>
struct fmt::formatter<gshard::DType> : fmt::formatter<std::string_view> {
  auto format(gshard::DType type, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(gshard::name_of(type), context);
  }
};

// "{0,1}".
template <>
struct fmt::formatter<gshard::Dims> : fmt::formatter<std::string> {
  auto format(const gshard::Dims& dims, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(fmt::format("{{{}}}", fmt::join(dims.begin(), dims.end(), ",")),
                                               context);
  }
};

namespace gshard {

// ---- errors -----------------------------------------------------------------------------------------------------

// Throws "keyword: message".
[[noreturn]] void fail_with(const Instruction& instruction, const std::string& message);

template <class... Args>
[[noreturn]] void fail(const Instruction& instruction, fmt::format_string<Args...> text, Args&&... args) {
  fail_with(instruction, fmt::format(text, std::forward<Args>(args)...));
}

template <class... Args>
void require(bool holds, const Instruction& instruction, fmt::format_string<Args...> text, Args&&... args) {
  if (!holds) [[unlikely]]
    fail(instruction, text, std::forward<Args>(args)...);
}

// "integer, floating".
std::string names_of(Types types);

// ---- what the families share --------------------------------------------------------------------------------------

// A size that came out of arithmetic on sizes and attributes of 64 bits each.
using WideInt = __int128;

// Throws where a size is negative or beyond 64 bits; `what` names it.
int64_t checked_size(const Instruction& instruction, WideInt size, std::string_view what);

// Operand `index`'s shape. Throws where it is a tuple or a token.
const Shape& array_operand(const Instruction& instruction, size_t index);

void require_equal_dims(const Instruction& instruction, size_t a, size_t b);
void require_equal_types(const Instruction& instruction, size_t a, size_t b);
// Operand `index` has integer elements.
void require_integers(const Instruction& instruction, size_t index);

// Every number stands once in `dims` and lies in [0, rank); `name` is the attribute.
void require_unique_below(const Instruction& instruction, const Dims& dims, size_t rank, std::string_view name);
void require_sorted(const Instruction& instruction, const Dims& dims, std::string_view name);
void require_below(const Instruction& instruction, int64_t dim, size_t rank, std::string_view name);

bool contains(const Dims& dims, int64_t dim);
// `dims` in their order, without those whose positions are in `positions`.
Dims without(const Dims& dims, const Dims& positions);

// The shape of an op that returns one value for each of its operands: no tuple where there is one.
Shape one_or_tuple(std::vector<Shape> shapes);

// The result of the instruction's callee number `callee`. Throws where its parameters are not `parameters`.
const Shape& callee_result(const Instruction& instruction, size_t callee, std::span<const Shape> parameters);
// The same for a callee over the scalars of a reduction: parameters (accumulators..., elements...), result
// accumulators, all scalars of the types of these shapes. Returns its result, a tuple where there are several.
const Shape& require_reducer(const Instruction& instruction, size_t callee, std::span<const Shape> accumulators,
                             std::span<const Shape> elements);

// The sizes of `base` under a window, one per dimension.
Dims window_output(const Instruction& instruction, const Dims& base, const Window& window);

// The element type of a product of operands 0 and 1: what the text declares, else the wider of the two.
DType product_type(const Instruction& instruction);

// The number of devices in each of the instruction's replica groups; 0 where the module leaves it open.
int64_t group_size(const Instruction& instruction);

// ---- families ---------------------------------------------------------------------------------------------------

Shape infer_add_dependency(const Instruction& instruction);
Shape infer_after_all(const Instruction& instruction);
Shape infer_all_gather(const Instruction& instruction);
Shape infer_all_gather_done(const Instruction& instruction);
Shape infer_all_gather_start(const Instruction& instruction);
Shape infer_all_reduce(const Instruction& instruction);
Shape infer_all_to_all(const Instruction& instruction);
Shape infer_async_done(const Instruction& instruction);
Shape infer_async_start(const Instruction& instruction);
Shape infer_async_update(const Instruction& instruction);
Shape infer_batch_norm_grad(const Instruction& instruction);
Shape infer_batch_norm_inference(const Instruction& instruction);
Shape infer_batch_norm_training(const Instruction& instruction);
Shape infer_binary(const Instruction& instruction);
Shape infer_bitcast(const Instruction& instruction);
Shape infer_bitcast_convert(const Instruction& instruction);
Shape infer_broadcast(const Instruction& instruction);
Shape infer_call(const Instruction& instruction);
Shape infer_cholesky(const Instruction& instruction);
Shape infer_clamp(const Instruction& instruction);
Shape infer_collective_broadcast(const Instruction& instruction);
Shape infer_collective_permute(const Instruction& instruction);
Shape infer_collective_permute_done(const Instruction& instruction);
Shape infer_collective_permute_start(const Instruction& instruction);
Shape infer_compare(const Instruction& instruction);
Shape infer_complex(const Instruction& instruction);
Shape infer_concatenate(const Instruction& instruction);
Shape infer_conditional(const Instruction& instruction);
Shape infer_constant(const Instruction& instruction);
Shape infer_convert(const Instruction& instruction);
Shape infer_convolution(const Instruction& instruction);
Shape infer_copy_done(const Instruction& instruction);
Shape infer_copy_start(const Instruction& instruction);
Shape infer_custom_call(const Instruction& instruction);
Shape infer_declared(const Instruction& instruction);
Shape infer_device_id(const Instruction& instruction);
Shape infer_dot(const Instruction& instruction);
Shape infer_dynamic_reshape(const Instruction& instruction);
Shape infer_dynamic_slice(const Instruction& instruction);
Shape infer_dynamic_update_slice(const Instruction& instruction);
Shape infer_fft(const Instruction& instruction);
Shape infer_gather(const Instruction& instruction);
Shape infer_get_dimension_size(const Instruction& instruction);
Shape infer_get_tuple_element(const Instruction& instruction);
Shape infer_infeed(const Instruction& instruction);
Shape infer_iota(const Instruction& instruction);
Shape infer_is_finite(const Instruction& instruction);
Shape infer_map(const Instruction& instruction);
Shape infer_outfeed(const Instruction& instruction);
Shape infer_pad(const Instruction& instruction);
Shape infer_ragged_all_to_all(const Instruction& instruction);
Shape infer_ragged_dot(const Instruction& instruction);
Shape infer_recv(const Instruction& instruction);
Shape infer_recv_done(const Instruction& instruction);
Shape infer_reduce(const Instruction& instruction);
Shape infer_reduce_precision(const Instruction& instruction);
Shape infer_reduce_scatter(const Instruction& instruction);
Shape infer_reduce_window(const Instruction& instruction);
Shape infer_reshape(const Instruction& instruction);
Shape infer_reverse(const Instruction& instruction);
Shape infer_rng(const Instruction& instruction);
Shape infer_rng_bit_generator(const Instruction& instruction);
Shape infer_rng_get_and_update_state(const Instruction& instruction);
Shape infer_same_as_operand(const Instruction& instruction);
Shape infer_scaled_dot(const Instruction& instruction);
Shape infer_scan(const Instruction& instruction);
Shape infer_scatter(const Instruction& instruction);
Shape infer_select(const Instruction& instruction);
Shape infer_select_and_scatter(const Instruction& instruction);
Shape infer_send(const Instruction& instruction);
Shape infer_send_done(const Instruction& instruction);
Shape infer_set_dimension_size(const Instruction& instruction);
Shape infer_slice(const Instruction& instruction);
Shape infer_sort(const Instruction& instruction);
Shape infer_stochastic_convert(const Instruction& instruction);
Shape infer_topk(const Instruction& instruction);
Shape infer_transpose(const Instruction& instruction);
Shape infer_triangular_solve(const Instruction& instruction);
Shape infer_tuple(const Instruction& instruction);
Shape infer_unary(const Instruction& instruction);
Shape infer_unary_to_real(const Instruction& instruction);
Shape infer_while(const Instruction& instruction);

}  // namespace gshard
