#include "eval/pointwise.h"

#include <algorithm>
#include <cstring>

#include "eval/dispatch.h"
#include "eval/elements.h"
#include "ops/table.h"

namespace gshard {
namespace {

bool is_narrow_float(DType type) { return is_floating(type) && bits_of(type) < 32; }

// The loops of the ops that have them, by op.
const Loops* loops_of(Op op) {
  static const auto kTable = [] {
    std::array<const Loops*, kOpCount> table{};
    for (const LoopsRow& row : unary_rows()) table[static_cast<size_t>(row.op)] = &row.loops;
    for (const LoopsRow& row : binary_rows()) table[static_cast<size_t>(row.op)] = &row.loops;
    return table;
  }();
  return kTable[static_cast<size_t>(op)];
}

// The shape of the result: the operands' sizes, where they are not all scalars.
Shape result_shape(const Instruction& instruction, std::span<const Literal> operands) {
  for (const Literal& operand : operands) {
    if (!operand.shape().is_scalar()) return Shape(instruction.shape().type(), operand.shape().dims());
  }
  return Shape(instruction.shape().type());
}

// An operand's own memory where nothing else reads it and the type fits.
Literal result_array(const Shape& shape, std::span<Literal> operands) {
  for (Literal& operand : operands) {
    if (operand.shape() == shape && operand.is_unique()) return std::move(operand);
  }
  return Literal::uninitialized(shape);
}

// A scalar operand as a block of equal elements.
std::vector<std::byte> spread(const Literal& scalar, size_t n) {
  const auto size = static_cast<size_t>(scalar.byte_size());
  std::vector<std::byte> block(n * size);
  for (size_t i = 0; i < n; ++i) std::memcpy(&block[i * size], scalar.bytes(), size);
  return block;
}

}  // namespace

BlockLoop Loops::for_type(DType type) const {
  if (is_narrow_float(type)) return f32;
  switch (type) {
    case DType::pred:
      return pred;
    case DType::u16:
      return u16;
    case DType::u32:
      return u32;
    case DType::u64:
      return u64;
    case DType::s16:
      return s16;
    case DType::s32:
      return s32;
    case DType::s64:
      return s64;
    case DType::f32:
      return f32;
    case DType::f64:
      return f64;
    case DType::c64:
      return c64;
    case DType::c128:
      return c128;
    default:
      break;
  }
  if (is_signed_int(type)) return s8;
  return is_unsigned_int(type) ? u8 : nullptr;
}

// ---- one op over raw elements -----------------------------------------------------------------------------------

void PointwiseOp::run(std::span<const std::byte* const> in, std::byte* out, size_t n) const {
  Block block{{}, out, n, this};
  if (!has_narrow_floats) {
    std::copy(in.begin(), in.end(), block.in.begin());
    loop(block);
  } else {
    float wide[4][kBlock];
    for (size_t i = 0; i < arity; ++i) {
      if (widens[i]) widen_floats(operands[i], in[i], wide[i], n);
      block.in[i] = widens[i] ? static_cast<const void*>(wide[i]) : in[i];
    }
    if (narrows) block.out = wide[3];
    loop(block);
    if (narrows) narrow_floats(result, wide[3], out, n);
  }
  if (wraps) wrap_integers(result, out, n);
}

bool is_pointwise(const Instruction& instruction) {
  if (instruction.op() == Op::bitcast_convert) {
    return bits_of(instruction.shape().type()) == bits_of(instruction.operand(0)->shape().type());
  }
  return instruction.op() == Op::copy || has(row_of(instruction.op()).traits, Traits::pointwise);
}

PointwiseOp pointwise_op(const Instruction& instruction) {
  PointwiseOp op;
  op.instruction = &instruction;
  op.arity = instruction.operand_count();
  for (size_t i = 0; i < op.arity; ++i) op.operands[i] = instruction.operand(i)->shape().type();
  op.result = instruction.shape().type();
  op.bits = op.operands[0] == DType::pred ? 1 : bits_of(op.operands[0]);
  if (const Loops* loops = loops_of(instruction.op()); loops != nullptr) {
    op.loop = loops->for_type(op.operands[0]);
  } else {
    resolve_special(op);
  }
  op.wraps = op.result == DType::pred || (is_integer(op.result) && bits_of(op.result) < 8);
  op.narrows = !op.as_stored && is_narrow_float(op.result);
  op.has_narrow_floats = op.narrows;
  for (size_t i = 0; i < op.arity; ++i) {
    op.widens[i] = !op.as_stored && is_narrow_float(op.operands[i]);
    op.has_narrow_floats |= op.widens[i];
  }
  if (op.loop == nullptr) {
    throw evaluation_error(instruction, "has no meaning on " + std::string(name_of(op.operands[0])));
  }
  return op;
}

// ---- whole arrays -----------------------------------------------------------------------------------------------

Literal run_pointwise(const Instruction& instruction, std::span<Literal> operands) {
  const PointwiseOp op = pointwise_op(instruction);
  const Shape shape = result_shape(instruction, operands);
  const auto count = static_cast<size_t>(shape.element_count());
  bool blocked = op.has_narrow_floats;
  std::array<const std::byte*, 3> data{};
  std::array<size_t, 3> steps{};  // in bytes per element; 0 for a scalar that is spread
  std::array<std::vector<std::byte>, 3> spreads;
  for (size_t i = 0; i < op.arity; ++i) {
    data[i] = operands[i].bytes();
    steps[i] = static_cast<size_t>(bytes_of(op.operands[i]));
    if (shape.is_scalar() || !operands[i].shape().is_scalar()) continue;
    spreads[i] = spread(operands[i], PointwiseOp::kBlock);
    data[i] = spreads[i].data();
    steps[i] = 0;
    blocked = true;
  }
  Literal result = result_array(shape, operands);
  std::byte* out = result.mutable_bytes();
  const auto size = static_cast<size_t>(bytes_of(op.result));
  const size_t step = blocked ? PointwiseOp::kBlock : std::max<size_t>(count, 1);
  for (size_t first = 0; first < count; first += step) {
    std::array<const std::byte*, 3> in{};
    for (size_t i = 0; i < op.arity; ++i) in[i] = data[i] + first * steps[i];
    op.run(std::span(in).first(op.arity), out + first * size, std::min(step, count - first));
  }
  return result;
}

// Every pointwise op has the same kernel: its loops are all that differs.
#define GSHARD_POINTWISE(op)                                                                   \
  Literal eval_##op(const Instruction& instruction, std::span<Literal> operands, Evaluator&) { \
    return run_pointwise(instruction, operands);                                               \
  }
GSHARD_POINTWISE(abs)
GSHARD_POINTWISE(acos)
GSHARD_POINTWISE(acosh)
GSHARD_POINTWISE(add)
GSHARD_POINTWISE(and_)
GSHARD_POINTWISE(asin)
GSHARD_POINTWISE(asinh)
GSHARD_POINTWISE(atan2)
GSHARD_POINTWISE(atanh)
GSHARD_POINTWISE(cbrt)
GSHARD_POINTWISE(ceil)
GSHARD_POINTWISE(clamp)
GSHARD_POINTWISE(compare)
GSHARD_POINTWISE(complex)
GSHARD_POINTWISE(cosine)
GSHARD_POINTWISE(cosh)
GSHARD_POINTWISE(count_leading_zeros)
GSHARD_POINTWISE(divide)
GSHARD_POINTWISE(erf)
GSHARD_POINTWISE(exponential)
GSHARD_POINTWISE(exponential_minus_one)
GSHARD_POINTWISE(floor)
GSHARD_POINTWISE(imag)
GSHARD_POINTWISE(is_finite)
GSHARD_POINTWISE(log)
GSHARD_POINTWISE(log_plus_one)
GSHARD_POINTWISE(logistic)
GSHARD_POINTWISE(maximum)
GSHARD_POINTWISE(minimum)
GSHARD_POINTWISE(mulhi)
GSHARD_POINTWISE(multiply)
GSHARD_POINTWISE(negate)
GSHARD_POINTWISE(not_)
GSHARD_POINTWISE(or_)
GSHARD_POINTWISE(popcnt)
GSHARD_POINTWISE(power)
GSHARD_POINTWISE(real)
GSHARD_POINTWISE(reduce_precision)
GSHARD_POINTWISE(remainder)
GSHARD_POINTWISE(round_nearest_afz)
GSHARD_POINTWISE(round_nearest_even)
GSHARD_POINTWISE(rsqrt)
GSHARD_POINTWISE(select)
GSHARD_POINTWISE(shift_left)
GSHARD_POINTWISE(shift_right_arithmetic)
GSHARD_POINTWISE(shift_right_logical)
GSHARD_POINTWISE(sign)
GSHARD_POINTWISE(sine)
GSHARD_POINTWISE(sinh)
GSHARD_POINTWISE(sqrt)
GSHARD_POINTWISE(stochastic_convert)
GSHARD_POINTWISE(subtract)
GSHARD_POINTWISE(tan)
GSHARD_POINTWISE(tanh)
GSHARD_POINTWISE(xor_)
#undef GSHARD_POINTWISE

}  // namespace gshard
