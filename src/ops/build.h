// One function per op, named as the op. See ops/value.h for what a Value is, and ops/einsum.h for products.
//
//   Value y = multiply(tanh(add(x, bias)), 0.5);        // numbers take the type and sizes of the other operand
//   Value mean = divide(reduce(y, {1}, Reducer::add), y.dim(1));
//   Value top = get_tuple_element(topk(gates, 2), 1);
//
// Nothing is broadcast silently but numbers: see broadcast_to() and broadcast_together(). Attributes that are one or
// two numbers are parameters; where an op has more, its struct of ir/attributes.h is. Every function throws
// Error(program) with the caller's place where infer_shape refuses the operands.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ir/sharding.h"
#include "ops/value.h"

namespace gshard {

// A value, or a number that becomes a constant of the other operand's type and sizes.
class Operand {
 public:
  Operand(Value value) : value_(value) {}
  Operand(Instruction* instruction) : value_(instruction) {}
  template <class T>
  requires std::is_arithmetic_v<T> Operand(T number) : number_(static_cast<double>(number)) {}

  bool is_number() const { return value_.instruction() == nullptr; }
  Value value() const { return value_; }
  double number() const { return number_; }

 private:
  Value value_;
  double number_ = 0;
};

// ---- leaves: they name their computation --------------------------------------------------------------------------

Value constant(Computation& in, Literal literal, Here here = Here::current());
Value constant(Computation& in, DType type, double number, Here here = Here::current());
// An array of one number: a scalar constant, broadcast.
Value full(Computation& in, const Shape& shape, double number, Here here = Here::current());
Value full_like(Value x, double number, Here here = Here::current());
Value iota(Computation& in, const Shape& shape, int64_t iota_dimension, Here here = Here::current());
// Beside those that define() makes; its number is the next one.
Value parameter(Computation& in, const Shape& shape, Here here = Here::current());
Value partition_id(Computation& in, Here here = Here::current());
Value replica_id(Computation& in, Here here = Here::current());
Value rng_get_and_update_state(Computation& in, int64_t delta, Here here = Here::current());
Value after_all(Computation& in, const std::vector<Value>& tokens, Here here = Here::current());

// ---- pointwise ----------------------------------------------------------------------------------------------------

Value abs(Value x, Here here = Here::current());
Value acos(Value x, Here here = Here::current());
Value acosh(Value x, Here here = Here::current());
Value asin(Value x, Here here = Here::current());
Value asinh(Value x, Here here = Here::current());
Value atanh(Value x, Here here = Here::current());
Value cbrt(Value x, Here here = Here::current());
Value ceil(Value x, Here here = Here::current());
Value cosh(Value x, Here here = Here::current());
Value cosine(Value x, Here here = Here::current());
Value count_leading_zeros(Value x, Here here = Here::current());
Value erf(Value x, Here here = Here::current());
Value exponential(Value x, Here here = Here::current());
Value exponential_minus_one(Value x, Here here = Here::current());
Value floor(Value x, Here here = Here::current());
Value imag(Value x, Here here = Here::current());
Value is_finite(Value x, Here here = Here::current());
Value log(Value x, Here here = Here::current());
Value log_plus_one(Value x, Here here = Here::current());
Value logistic(Value x, Here here = Here::current());
Value negate(Value x, Here here = Here::current());
Value not_(Value x, Here here = Here::current());
Value popcnt(Value x, Here here = Here::current());
Value real(Value x, Here here = Here::current());
Value round_nearest_afz(Value x, Here here = Here::current());
Value round_nearest_even(Value x, Here here = Here::current());
Value rsqrt(Value x, Here here = Here::current());
Value sign(Value x, Here here = Here::current());
Value sine(Value x, Here here = Here::current());
Value sinh(Value x, Here here = Here::current());
Value sqrt(Value x, Here here = Here::current());
Value tan(Value x, Here here = Here::current());
Value tanh(Value x, Here here = Here::current());

Value add(Operand a, Operand b, Here here = Here::current());
Value and_(Operand a, Operand b, Here here = Here::current());
Value atan2(Operand a, Operand b, Here here = Here::current());
Value complex(Operand a, Operand b, Here here = Here::current());
Value divide(Operand a, Operand b, Here here = Here::current());
Value maximum(Operand a, Operand b, Here here = Here::current());
Value minimum(Operand a, Operand b, Here here = Here::current());
Value mulhi(Operand a, Operand b, Here here = Here::current());
Value multiply(Operand a, Operand b, Here here = Here::current());
Value or_(Operand a, Operand b, Here here = Here::current());
Value power(Operand a, Operand b, Here here = Here::current());
Value remainder(Operand a, Operand b, Here here = Here::current());
Value shift_left(Operand a, Operand b, Here here = Here::current());
Value shift_right_arithmetic(Operand a, Operand b, Here here = Here::current());
Value shift_right_logical(Operand a, Operand b, Here here = Here::current());
Value subtract(Operand a, Operand b, Here here = Here::current());
Value xor_(Operand a, Operand b, Here here = Here::current());
Value compare(Operand a, Operand b, Direction direction, ComparisonType type = ComparisonType::automatic,
              Here here = Here::current());
Value select(Value predicate, Operand on_true, Operand on_false, Here here = Here::current());
// Bounds are scalars or of x's sizes.
Value clamp(Operand low, Value x, Operand high, Here here = Here::current());

// The value itself where it has the type.
Value convert(Value x, DType type, Here here = Here::current());
Value bitcast_convert(Value x, DType type, Here here = Here::current());
Value reduce_precision(Value x, int64_t exponent_bits, int64_t mantissa_bits, Here here = Here::current());
Value stochastic_convert(Value x, Value random, DType type, Here here = Here::current());

// ---- data movement ------------------------------------------------------------------------------------------------

// Dimension i of x becomes dimension dimensions[i] of the result.
Value broadcast(Value x, const Dims& sizes, const Dims& dimensions, Here here = Here::current());
// As numpy does: trailing dimensions meet, missing ones and those of size 1 are repeated.
Value broadcast_to(Value x, const Dims& sizes, Here here = Here::current());
std::pair<Value, Value> broadcast_together(Value a, Value b, Here here = Here::current());
Value reshape(Value x, const Dims& sizes, Here here = Here::current());
Value dynamic_reshape(Value x, const Dims& sizes, const std::vector<Value>& dynamic_sizes, Here here = Here::current());
// Dimension i of the result is dimension dimensions[i] of x.
Value transpose(Value x, const Dims& dimensions, Here here = Here::current());
Value reverse(Value x, const Dims& dimensions, Here here = Here::current());
Value concatenate(const std::vector<Value>& parts, int64_t dimension, Here here = Here::current());
Value slice(Value x, const SliceRanges& ranges, Here here = Here::current());
// One dimension cut, the others whole.
Value slice_in_dim(Value x, int64_t start, int64_t limit, int64_t dimension, Here here = Here::current());
Value pad(Value x, Operand value, const Padding& padding, Here here = Here::current());
Value dynamic_slice(Value x, const std::vector<Value>& starts, const Dims& sizes, Here here = Here::current());
Value dynamic_update_slice(Value x, Value update, const std::vector<Value>& starts, Here here = Here::current());
Value gather(Value x, Value indices, const GatherAttrs& attributes, Here here = Here::current());
// Reducer::none overwrites.
Value scatter(Value x, Value indices, Value updates, const ScatterAttrs& attributes, Reducer reducer,
              Here here = Here::current());
// Operands, indices, updates; `combine` takes a scalar of each operand, then of each update.
Value scatter(const std::vector<Value>& operands, const ScatterAttrs& attributes, Computation& combine,
              Here here = Here::current());
Value bitcast(Value x, const Shape& shape, Here here = Here::current());
Value copy(Value x, Here here = Here::current());
Value get_dimension_size(Value x, int64_t dimension, Here here = Here::current());
Value set_dimension_size(Value x, Value size, int64_t dimension, Here here = Here::current());

// ---- products and windows -----------------------------------------------------------------------------------------

// `type` is the element type of the result where it is not that of the operands.
Value dot(Value lhs, Value rhs, const DotAttrs& attributes, std::optional<DType> type = {},
          Here here = Here::current());
Value ragged_dot(Value lhs, Value rhs, Value group_sizes, const RaggedDotAttrs& attributes,
                 Here here = Here::current());
// Operands: left, right, scales of the left, scales of the right.
Value scaled_dot(const std::vector<Value>& operands, const DotAttrs& attributes, DType type,
                 Here here = Here::current());
Value convolution(Value input, Value kernel, const ConvolutionAttrs& attributes, std::optional<DType> type = {},
                  Here here = Here::current());
Value reduce_window(Value x, const Window& window, Reducer reducer, Here here = Here::current());
// Arrays, then as many initial values.
Value reduce_window(const std::vector<Value>& operands, const Window& window, Computation& combine,
                    Here here = Here::current());
// The source's elements go where the window's maximum (GE) or minimum (LE) of x stands, and are added up.
Value select_and_scatter(Value x, Value source, const Window& window, Direction direction, Here here = Here::current());

// ---- reductions and other ops that run a computation for each element -----------------------------------------------

Value reduce(Value x, const Dims& dimensions, Reducer reducer, Here here = Here::current());
// Arrays, then as many initial values.
Value reduce(const std::vector<Value>& operands, const Dims& dimensions, Computation& combine,
             Here here = Here::current());
Value map(const std::vector<Value>& operands, Computation& body, Here here = Here::current());
// Ascending (LT) or descending (GT), stable; floats in total order.
Value sort(Value x, int64_t dimension, Direction direction, Here here = Here::current());
Value sort(const std::vector<Value>& operands, const SortAttrs& attributes, Computation& comparator,
           Here here = Here::current());
Value topk(Value x, int64_t k, Here here = Here::current());
Value scan(const std::vector<Value>& operands, const ScanAttrs& attributes, Computation& body,
           Here here = Here::current());

// A computation over two scalars, made once in the module: "add_f32", "compare_LT_s32". Reducer::none is the one that
// returns its second parameter.
Computation& reducer_computation(Module& module, Reducer reducer, DType type);
Computation& comparator_computation(Module& module, Direction direction, DType type);

// ---- structure and control flow -------------------------------------------------------------------------------------

Value tuple(const std::vector<Value>& elements, Here here = Here::current());
Value get_tuple_element(Value x, int64_t index, Here here = Here::current());
// All elements of a tuple.
std::vector<Value> unpack(Value x, Here here = Here::current());
Value opt_barrier(Value x, Here here = Here::current());
Value add_dependency(Value x, Value token, Here here = Here::current());
Value domain(Value x, const std::string& domain, Here here = Here::current());
Value call(Computation& callee, const std::vector<Value>& arguments, Here here = Here::current());
Value fusion(Computation& body, const std::vector<Value>& arguments, FusionKind kind, Here here = Here::current());
Value while_(Value state, Computation& condition, Computation& body, Here here = Here::current());
Value while_(Value state, const Body& condition, const Body& body, Here here = Here::current());
// The branch with the selector's number (pred: the first where it is true) gets the argument of the same position.
Value conditional(Value selector, const std::vector<Value>& arguments, const std::vector<Computation*>& branches,
                  Here here = Here::current());
Value custom_call(Computation& in, const std::vector<Value>& operands, const Shape& result,
                  const CustomCallAttrs& attributes, Here here = Here::current());
Value async_start(Computation& callee, const std::vector<Value>& arguments, const AsyncAttrs& attributes = {},
                  Here here = Here::current());
Value async_update(Value state, Here here = Here::current());
Value async_done(Value state, Here here = Here::current());

// ---- whole algorithms -----------------------------------------------------------------------------------------------

// With Distribution::rng_uniform a and b are the bounds, with rng_normal the mean and the deviation.
Value rng(Value a, Value b, const Dims& sizes, Distribution distribution, Here here = Here::current());
// (new state, bits).
Value rng_bit_generator(Value state, const Shape& bits, RngAlgorithm algorithm, Here here = Here::current());
Value cholesky(Value x, const CholeskyAttrs& attributes = {.lower = true}, Here here = Here::current());
Value triangular_solve(Value a, Value b, const TriangularSolveAttrs& attributes, Here here = Here::current());
Value fft(Value x, FftType type, const Dims& lengths, Here here = Here::current());
Value batch_norm_training(Value x, Value scale, Value offset, const BatchNormAttrs& attributes,
                          Here here = Here::current());
// Operands: x, scale, offset, mean, variance.
Value batch_norm_inference(const std::vector<Value>& operands, const BatchNormAttrs& attributes,
                           Here here = Here::current());
// Operands: x, scale, mean, variance, gradient of the output.
Value batch_norm_grad(const std::vector<Value>& operands, const BatchNormAttrs& attributes,
                      Here here = Here::current());

// ---- between devices
// --------------------------------------------------------------------------------------------------

// For all_gather and reduce_scatter `attributes.dimensions` is the dimension. Where replica groups are left out, the
// group is the module's replicas (or partitions, with a channel).
Value all_gather(const std::vector<Value>& operands, const CollectiveAttrs& attributes, Here here = Here::current());
Value all_gather_start(const std::vector<Value>& operands, const CollectiveAttrs& attributes,
                       Here here = Here::current());
Value all_gather_done(Value state, Here here = Here::current());
Value all_reduce(const std::vector<Value>& operands, Reducer reducer, const CollectiveAttrs& attributes,
                 Here here = Here::current());
Value all_reduce_start(const std::vector<Value>& operands, Reducer reducer, const CollectiveAttrs& attributes,
                       Here here = Here::current());
Value all_reduce_done(Value state, Here here = Here::current());
Value reduce_scatter(const std::vector<Value>& operands, Reducer reducer, const CollectiveAttrs& attributes,
                     Here here = Here::current());
Value all_to_all(const std::vector<Value>& operands, const CollectiveAttrs& attributes, Here here = Here::current());
// Operands: input, output, input offsets, send sizes, output offsets, receive sizes.
Value ragged_all_to_all(const std::vector<Value>& operands, const CollectiveAttrs& attributes,
                        Here here = Here::current());
Value collective_broadcast(const std::vector<Value>& operands, const CollectiveAttrs& attributes,
                           Here here = Here::current());
Value collective_permute(const std::vector<Value>& operands, const CollectivePermuteAttrs& attributes,
                         Here here = Here::current());
Value collective_permute_start(const std::vector<Value>& operands, const CollectivePermuteAttrs& attributes,
                               Here here = Here::current());
Value collective_permute_done(Value state, Here here = Here::current());

// ---- in and out of the program
// ----------------------------------------------------------------------------------------

// (data, token).
Value infeed(Value token, const Shape& data, const std::string& config = {}, Here here = Here::current());
Value outfeed(Value data, Value token, const std::string& config = {}, Here here = Here::current());
Value send(Value data, Value token, const ChannelAttrs& attributes, Here here = Here::current());
Value send_done(Value state, const ChannelAttrs& attributes, Here here = Here::current());
Value recv(Value token, const Shape& data, const ChannelAttrs& attributes, Here here = Here::current());
Value recv_done(Value state, const ChannelAttrs& attributes, Here here = Here::current());
Value copy_start(Value x, const CopyStartAttrs& attributes = {}, Here here = Here::current());
Value copy_done(Value state, Here here = Here::current());

}  // namespace gshard
