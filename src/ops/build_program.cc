// Builders of structure, control flow, whole algorithms, and of ops that leave the device.
#include <array>

#include "ops/build.h"

namespace gshard {
namespace {

Value unary(Op op, Value x, const Here& here, Attributes attributes = NoAttrs{}) {
  return append({op, std::move(attributes)}, std::array{x}, here);
}

// The reducer of a collective over these operands; their first type decides.
std::vector<Computation*> reducer_for(const std::vector<Value>& operands, Reducer reducer) {
  if (operands.empty()) return {};
  return {&reducer_computation(*operands[0].computation().parent(), reducer, operands[0].type())};
}

}  // namespace

// ---- structure ------------------------------------------------------------------------------------------------------

Value tuple(const std::vector<Value>& elements, Here here) { return append({Op::tuple}, elements, here); }

Value get_tuple_element(Value x, int64_t index, Here here) {
  return unary(Op::get_tuple_element, x, here, TupleIndexAttrs{index});
}

std::vector<Value> unpack(Value x, Here here) {
  std::vector<Value> elements;
  for (size_t k = 0; k < x.shape().tuple_size(); ++k) {
    elements.push_back(get_tuple_element(x, static_cast<int64_t>(k), here));
  }
  return elements;
}

Value opt_barrier(Value x, Here here) { return unary(Op::opt_barrier, x, here); }

Value add_dependency(Value x, Value token, Here here) {
  return append({Op::add_dependency}, std::array{x, token}, here);
}

Value domain(Value x, const std::string& domain, Here here) {
  return unary(Op::domain, x, here, DomainAttrs{RawBraces{domain}});
}

// ---- control flow ---------------------------------------------------------------------------------------------------

Value call(Computation& callee, const std::vector<Value>& arguments, Here here) {
  return append({Op::call, CallAttrs{}, {&callee}}, arguments, here);
}

Value fusion(Computation& body, const std::vector<Value>& arguments, FusionKind kind, Here here) {
  return append({Op::fusion, FusionAttrs{kind, {}}, {&body}}, arguments, here);
}

Value while_(Value state, Computation& condition, Computation& body, Here here) {
  return append({Op::while_, NoAttrs{}, {&condition, &body}}, std::array{state}, here);
}

Value while_(Value state, const Body& condition, const Body& body, Here here) {
  Module& module = *state.computation().parent();
  Computation& test = define(module, "while_condition", {state.shape()}, condition, here);
  Computation& step = define(module, "while_body", {state.shape()}, body, here);
  return while_(state, test, step, here);
}

Value conditional(Value selector, const std::vector<Value>& arguments, const std::vector<Computation*>& branches,
                  Here here) {
  std::vector<Value> operands{selector};
  operands.insert(operands.end(), arguments.begin(), arguments.end());
  return append({Op::conditional, NoAttrs{}, branches}, operands, here);
}

Value custom_call(Computation& in, const std::vector<Value>& operands, const Shape& result,
                  const CustomCallAttrs& attributes, Here here) {
  return append(in, {Op::custom_call, attributes, {}, result}, operands, here);
}

Value async_start(Computation& callee, const std::vector<Value>& arguments, const AsyncAttrs& attributes, Here here) {
  // Operands and result are inferred; only the context is declared.
  const Shape state = Shape::tuple({Shape(), Shape(), Shape(DType::u32)});
  return append({Op::async_start, attributes, {&callee}, state}, arguments, here);
}

Value async_update(Value state, Here here) { return unary(Op::async_update, state, here); }

Value async_done(Value state, Here here) { return unary(Op::async_done, state, here); }

// ---- whole algorithms -----------------------------------------------------------------------------------------------

Value rng(Value a, Value b, const Dims& sizes, Distribution distribution, Here here) {
  return append({Op::rng, RngAttrs{distribution}, {}, a.shape().with_dims(sizes)}, std::array{a, b}, here);
}

Value rng_bit_generator(Value state, const Shape& bits, RngAlgorithm algorithm, Here here) {
  const Shape result = Shape::tuple({state.shape(), bits});
  return append({Op::rng_bit_generator, RngBitGeneratorAttrs{algorithm}, {}, result}, std::array{state}, here);
}

Value cholesky(Value x, const CholeskyAttrs& attributes, Here here) { return unary(Op::cholesky, x, here, attributes); }

Value triangular_solve(Value a, Value b, const TriangularSolveAttrs& attributes, Here here) {
  return append({Op::triangular_solve, attributes}, std::array{a, b}, here);
}

Value fft(Value x, FftType type, const Dims& lengths, Here here) {
  return unary(Op::fft, x, here, FftAttrs{type, lengths});
}

Value batch_norm_training(Value x, Value scale, Value offset, const BatchNormAttrs& attributes, Here here) {
  return append({Op::batch_norm_training, attributes}, std::array{x, scale, offset}, here);
}

Value batch_norm_inference(const std::vector<Value>& operands, const BatchNormAttrs& attributes, Here here) {
  return append({Op::batch_norm_inference, attributes}, operands, here);
}

Value batch_norm_grad(const std::vector<Value>& operands, const BatchNormAttrs& attributes, Here here) {
  return append({Op::batch_norm_grad, attributes}, operands, here);
}

// ---- between devices ------------------------------------------------------------------------------------------------

Value all_gather(const std::vector<Value>& operands, const CollectiveAttrs& attributes, Here here) {
  return append({Op::all_gather, attributes}, operands, here);
}

Value all_gather_start(const std::vector<Value>& operands, const CollectiveAttrs& attributes, Here here) {
  return append({Op::all_gather_start, attributes}, operands, here);
}

Value all_gather_done(Value state, Here here) { return unary(Op::all_gather_done, state, here); }

Value all_reduce(const std::vector<Value>& operands, Reducer reducer, const CollectiveAttrs& attributes, Here here) {
  return append({Op::all_reduce, attributes, reducer_for(operands, reducer)}, operands, here);
}

Value all_reduce_start(const std::vector<Value>& operands, Reducer reducer, const CollectiveAttrs& attributes,
                       Here here) {
  return append({Op::all_reduce_start, attributes, reducer_for(operands, reducer)}, operands, here);
}

Value all_reduce_done(Value state, Here here) { return unary(Op::all_reduce_done, state, here); }

Value reduce_scatter(const std::vector<Value>& operands, Reducer reducer, const CollectiveAttrs& attributes,
                     Here here) {
  return append({Op::reduce_scatter, attributes, reducer_for(operands, reducer)}, operands, here);
}

Value all_to_all(const std::vector<Value>& operands, const CollectiveAttrs& attributes, Here here) {
  return append({Op::all_to_all, attributes}, operands, here);
}

Value ragged_all_to_all(const std::vector<Value>& operands, const CollectiveAttrs& attributes, Here here) {
  return append({Op::ragged_all_to_all, attributes}, operands, here);
}

Value collective_broadcast(const std::vector<Value>& operands, const CollectiveAttrs& attributes, Here here) {
  return append({Op::collective_broadcast, attributes}, operands, here);
}

Value collective_permute(const std::vector<Value>& operands, const CollectivePermuteAttrs& attributes, Here here) {
  return append({Op::collective_permute, attributes}, operands, here);
}

Value collective_permute_start(const std::vector<Value>& operands, const CollectivePermuteAttrs& attributes,
                               Here here) {
  return append({Op::collective_permute_start, attributes}, operands, here);
}

Value collective_permute_done(Value state, Here here) { return unary(Op::collective_permute_done, state, here); }

// ---- in and out of the program --------------------------------------------------------------------------------------

Value infeed(Value token, const Shape& data, const std::string& config, Here here) {
  const Shape result = Shape::tuple({data, Shape::token()});
  return append({Op::infeed, InfeedAttrs{config}, {}, result}, std::array{token}, here);
}

Value outfeed(Value data, Value token, const std::string& config, Here here) {
  return append({Op::outfeed, OutfeedAttrs{data.shape(), config}}, std::array{data, token}, here);
}

Value send(Value data, Value token, const ChannelAttrs& attributes, Here here) {
  return append({Op::send, attributes}, std::array{data, token}, here);
}

Value send_done(Value state, const ChannelAttrs& attributes, Here here) {
  return unary(Op::send_done, state, here, attributes);
}

Value recv(Value token, const Shape& data, const ChannelAttrs& attributes, Here here) {
  const Shape result = Shape::tuple({data, Shape(DType::u32), Shape::token()});
  return append({Op::recv, attributes, {}, result}, std::array{token}, here);
}

Value recv_done(Value state, const ChannelAttrs& attributes, Here here) {
  return unary(Op::recv_done, state, here, attributes);
}

Value copy_start(Value x, const CopyStartAttrs& attributes, Here here) {
  return unary(Op::copy_start, x, here, attributes);
}

Value copy_done(Value state, Here here) { return unary(Op::copy_done, state, here); }

}  // namespace gshard
