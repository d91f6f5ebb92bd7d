// Types of the ops that move data in and out of the program, and of asynchronous copies.
#include "ops/infer.h"

namespace gshard {
namespace {

void require_token(const Instruction& i, size_t operand) {
  const Shape& token = i.operand(operand)->shape();
  require(token.is_token(), i, "operand {} is {}, must be token[]", operand, token);
}

// The data of (data, u32[], token[]), which send and recv return and their -done forms take.
const Shape& transferred(const Instruction& i, const Shape& state, std::string_view what) {
  const bool fits = state.tuple_size() == 3 && state.element(1) == Shape(DType::u32) && state.element(2).is_token();
  require(fits, i, "{} is {}, must be (data, u32[], token[])", what, state);
  return state.element(0);
}

}  // namespace

Shape infer_infeed(const Instruction& i) {
  require_token(i, 0);
  const Shape& declared = i.shape();
  require(declared.tuple_size() == 2 && declared.element(1).is_token(), i, "the result is {}, must be (data, token[])",
          declared);
  return declared;
}

Shape infer_outfeed(const Instruction& i) {
  require_token(i, 1);
  const Shape& data = i.operand(0)->shape();
  const Shape& said = i.attrs<OutfeedAttrs>().outfeed_shape;
  require(said == Shape() || said == data, i, "operand 0 is {}, outfeed_shape says {}", data, said);
  return Shape::token();
}

Shape infer_send(const Instruction& i) {
  require_token(i, 1);
  return Shape::tuple({i.operand(0)->shape(), Shape(DType::u32), Shape::token()});
}

Shape infer_send_done(const Instruction& i) {
  transferred(i, i.operand(0)->shape(), "operand 0");
  return Shape::token();
}

Shape infer_recv(const Instruction& i) {
  require_token(i, 0);
  transferred(i, i.shape(), "the result");
  return i.shape();
}

Shape infer_recv_done(const Instruction& i) {
  return Shape::tuple({transferred(i, i.operand(0)->shape(), "operand 0"), Shape::token()});
}

// (destination, source, context).
Shape infer_copy_start(const Instruction& i) {
  const Shape data = i.operand(0)->shape();
  const Shape& declared = i.shape();
  const bool signed_context = declared.tuple_size() == 3 && declared.element(2) == Shape(DType::s32);
  return Shape::tuple({data, data, Shape(signed_context ? DType::s32 : DType::u32)});
}

Shape infer_copy_done(const Instruction& i) {
  const Shape& state = i.operand(0)->shape();
  require(state.tuple_size() == 3, i, "operand 0 is {}, must be the tuple of a copy-start", state);
  return state.element(0);
}

}  // namespace gshard
