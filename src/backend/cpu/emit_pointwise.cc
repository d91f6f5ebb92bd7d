#include "backend/cpu/emit_pointwise.h"

#include <fmt/format.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Module.h>

#include <cstring>
#include <limits>

#include "backend/cpu/pointwise_ops.h"

namespace gshard::cpu {
namespace {

using llvm::Type;
using llvm::Value;
using llvm::Intrinsic::ID;

bool is_narrow_float(DType type) { return type == DType::bf16 || type == DType::f16; }

llvm::Constant* splat(Type* type, double value) { return llvm::ConstantFP::get(type, value); }
llvm::Constant* splat_integer(Type* type, int64_t value) {
  return llvm::ConstantInt::get(type, static_cast<uint64_t>(value), true);
}

// The integer type with as many lanes.
Type* with_element(Type* type, Type* element) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  return vector == nullptr ? element : llvm::FixedVectorType::get(element, vector->getNumElements());
}

// The name of an op's function in SLEEF, without what says its type; null where it has none.
const char* math_name(Op op) {
  switch (op) {
    case Op::acos:
      return "acos";
    case Op::acosh:
      return "acosh";
    case Op::asin:
      return "asin";
    case Op::asinh:
      return "asinh";
    case Op::atan2:
      return "atan2";
    case Op::atanh:
      return "atanh";
    case Op::cbrt:
      return "cbrt";
    case Op::cosine:
      return "cos";
    case Op::cosh:
      return "cosh";
    case Op::erf:
      return "erf";
    case Op::exponential:
      return "exp";
    case Op::exponential_minus_one:
      return "expm1";
    case Op::log:
      return "log";
    case Op::power:
      return "pow";
    case Op::sine:
      return "sin";
    case Op::sinh:
      return "sinh";
    case Op::tan:
      return "tan";
    case Op::tanh:
      return "tanh";
    default:
      return nullptr;
  }
}

// Whether a number is known, and no zero that loses against the other one.
bool wins_ties(Op op, Value* x) {
  const auto* constant = llvm::dyn_cast<llvm::Constant>(x);
  if (constant == nullptr) return false;
  if (constant->getType()->isVectorTy()) constant = constant->getSplatValue();
  const auto* number = llvm::dyn_cast_or_null<llvm::ConstantFP>(constant);
  return number != nullptr && !(number->isZero() && number->isNegative() == (op == Op::maximum));
}

}  // namespace

// ---- types --------------------------------------------------------------------------------------------------------

Type* PointwiseEmitter::memory_type(DType type) const {
  if (type == DType::f32) return b_.getFloatTy();
  if (type == DType::f64) return b_.getDoubleTy();
  return b_.getIntNTy(static_cast<unsigned>(bytes_of(type)) * 8);
}

Type* PointwiseEmitter::register_type(DType type, unsigned lanes) const {
  Type* element = type == DType::pred ? b_.getInt1Ty() : is_narrow_float(type) ? b_.getFloatTy() : memory_type(type);
  return lanes == 1 ? element : llvm::FixedVectorType::get(element, lanes);
}

Value* PointwiseEmitter::to_register(Value* stored, DType type) {
  if (type == DType::pred) return b_.CreateICmpNE(stored, splat_integer(stored->getType(), 0));
  Type* single = with_element(stored->getType(), b_.getFloatTy());
  if (!is_narrow_float(type)) return stored;
  Value* value = nullptr;
  if (type == DType::bf16) {
    Value* wide = b_.CreateZExt(stored, with_element(stored->getType(), b_.getInt32Ty()));
    value = b_.CreateBitCast(b_.CreateShl(wide, 16), single);
  } else {
    value = b_.CreateFPExt(b_.CreateBitCast(stored, with_element(stored->getType(), b_.getHalfTy())), single);
  }
  stored_as_[{value, type}] = stored;
  return value;
}

Value* PointwiseEmitter::to_memory(Value* value, DType type) {
  if (type == DType::pred) return b_.CreateZExt(value, with_element(value->getType(), b_.getInt8Ty()));
  if (const auto known = stored_as_.find({value, type}); known != stored_as_.end()) return known->second;
  if (type == DType::bf16) return bf16_bits(value);
  if (type == DType::f16) {
    Value* half = b_.CreateFPTrunc(value, with_element(value->getType(), b_.getHalfTy()));
    return b_.CreateBitCast(half, with_element(value->getType(), b_.getInt16Ty()));
  }
  return value;
}

// The upper half of a float, rounded to nearest, ties to even; a NaN stays one.
Value* PointwiseEmitter::bf16_bits(Value* value) {
  Type* narrow = with_element(value->getType(), b_.getInt16Ty());
  if (machine_.converts_bf16) {
    return b_.CreateBitCast(b_.CreateFPTrunc(value, with_element(value->getType(), b_.getBFloatTy())), narrow);
  }
  Type* wide = with_element(value->getType(), b_.getInt32Ty());
  Value* bits = b_.CreateBitCast(value, wide);
  Value* odd = b_.CreateAnd(b_.CreateLShr(bits, 16), splat_integer(wide, 1));
  Value* rounded = b_.CreateAdd(bits, b_.CreateAdd(odd, splat_integer(wide, 0x7fff)));
  Value* quiet = b_.CreateOr(bits, splat_integer(wide, 0x400000));
  Value* chosen = b_.CreateSelect(b_.CreateFCmpUNO(value, value), quiet, rounded);
  return b_.CreateTrunc(b_.CreateLShr(chosen, 16), narrow);
}

Value* PointwiseEmitter::round_to(Value* value, DType type) {
  return is_narrow_float(type) ? to_register(to_memory(value, type), type) : value;
}

Value* PointwiseEmitter::constant(const Literal& literal) {
  const DType type = literal.shape().type();
  if (type == DType::f32) return splat(b_.getFloatTy(), literal.values<float>()[0]);
  if (type == DType::f64) return splat(b_.getDoubleTy(), literal.values<double>()[0]);
  uint64_t bits = 0;
  std::memcpy(&bits, literal.bytes(), static_cast<size_t>(bytes_of(type)));
  return to_register(llvm::ConstantInt::get(memory_type(type), bits), type);
}

// ---- functions ----------------------------------------------------------------------------------------------------

// Calls SLEEF's function for whole registers on the parts of the operands.
Value* PointwiseEmitter::math(const char* function, std::span<Value* const> operands) {
  Type* type = operands[0]->getType();
  const bool is_double = type->getScalarType()->isDoubleTy();
  const auto width = static_cast<unsigned>(machine_.vector_bytes / (is_double ? 8 : 4));
  auto* part_type = llvm::FixedVectorType::get(type->getScalarType(), width);
  const std::string name =
      fmt::format("Sleef_{}{}{}_u10{}", function, is_double ? "d" : "f", width, machine_.math_suffix);
  std::vector<Type*> parameters(operands.size(), part_type);
  llvm::Module* module = b_.GetInsertBlock()->getModule();
  llvm::FunctionCallee callee =
      module->getOrInsertFunction(name, llvm::FunctionType::get(part_type, parameters, false));
  auto* declared = llvm::cast<llvm::Function>(callee.getCallee());
  declared->setDoesNotAccessMemory();
  declared->setDoesNotThrow();
  declared->setWillReturn();
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  if (vector == nullptr) {
    std::vector<Value*> parts;
    for (Value* x : operands) parts.push_back(b_.CreateVectorSplat(width, x));
    return b_.CreateExtractElement(b_.CreateCall(callee, parts), uint64_t{0});
  }
  const unsigned lanes = vector->getNumElements();
  if (lanes == width) return b_.CreateCall(callee, llvm::ArrayRef(operands.data(), operands.size()));
  Value* result = llvm::PoisonValue::get(type);
  if (lanes < width) {
    std::vector<int> mask(width);
    for (unsigned i = 0; i < width; ++i) mask[i] = static_cast<int>(std::min(i, lanes - 1));
    std::vector<Value*> parts;
    for (Value* x : operands) parts.push_back(b_.CreateShuffleVector(x, mask));
    mask.resize(lanes);
    return b_.CreateShuffleVector(b_.CreateCall(callee, parts), mask);
  }
  for (unsigned first = 0; first < lanes; first += width) {
    std::vector<Value*> parts;
    for (Value* x : operands) parts.push_back(b_.CreateExtractVector(part_type, x, b_.getInt64(first)));
    result = b_.CreateInsertVector(type, result, b_.CreateCall(callee, parts), b_.getInt64(first));
  }
  return result;
}

// SLEEF's ends at 1e307.
Value* PointwiseEmitter::log_plus_one(Value* x) {
  constexpr double kLog = 44.3614195558364998;  // of 2^64
  Value* is_large = b_.CreateFCmpOGT(x, splat(x->getType(), 1e300));
  Value* part = b_.CreateSelect(is_large, b_.CreateFMul(x, splat(x->getType(), 0x1p-64)), x);
  Value* log = math("log1p", {&part, 1});
  return b_.CreateSelect(is_large, b_.CreateFAdd(log, splat(x->getType(), kLog)), log);
}

Value* PointwiseEmitter::total_order_key(Value* value) {
  Type* type = value->getType();
  const unsigned width = type->getScalarSizeInBits();
  Type* integer = with_element(type, b_.getIntNTy(width));
  Value* bits = b_.CreateBitCast(value, integer);
  Value* largest = llvm::ConstantInt::get(integer, llvm::APInt::getSignedMaxValue(width));
  return b_.CreateSelect(b_.CreateICmpSLT(bits, splat_integer(integer, 0)), b_.CreateXor(bits, largest), bits);
}

Value* PointwiseEmitter::compare(const Instruction& x, Value* a, Value* b) {
  const auto& attrs = x.attrs<CompareAttrs>();
  const DType type = x.operand(0)->shape().type();
  bool is_signed = is_signed_int(type);
  if (is_floating(type)) {
    if (attrs.type != ComparisonType::TOTALORDER) {
      using P = llvm::CmpInst::Predicate;
      static constexpr P kFloat[] = {P::FCMP_OEQ, P::FCMP_UNE, P::FCMP_OGE, P::FCMP_OGT, P::FCMP_OLE, P::FCMP_OLT};
      return b_.CreateFCmp(kFloat[static_cast<size_t>(attrs.direction)], a, b);
    }
    a = total_order_key(a);
    b = total_order_key(b);
    is_signed = true;
  }
  using P = llvm::CmpInst::Predicate;
  static constexpr P kSigned[] = {P::ICMP_EQ, P::ICMP_NE, P::ICMP_SGE, P::ICMP_SGT, P::ICMP_SLE, P::ICMP_SLT};
  static constexpr P kUnsigned[] = {P::ICMP_EQ, P::ICMP_NE, P::ICMP_UGE, P::ICMP_UGT, P::ICMP_ULE, P::ICMP_ULT};
  return b_.CreateICmp((is_signed ? kSigned : kUnsigned)[static_cast<size_t>(attrs.direction)], a, b);
}

// ---- conversions --------------------------------------------------------------------------------------------------

// An f64 as the f32 of the two beside it that is odd, or as itself: rounding that to fewer bits is rounding the f64.
Value* PointwiseEmitter::rounded_to_odd(Value* x) {
  Type* narrow = with_element(x->getType(), b_.getFloatTy());
  Type* integer = with_element(x->getType(), b_.getInt32Ty());
  Value* nearest = b_.CreateFPTrunc(x, narrow);
  Value* back = b_.CreateFPExt(nearest, x->getType());
  const auto size_of = [&](Value* v) { return b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, v); };
  Value* bits = b_.CreateBitCast(nearest, integer);
  Value* is_beyond = b_.CreateFCmpOGT(size_of(back), size_of(x));
  bits = b_.CreateSelect(is_beyond, b_.CreateSub(bits, splat_integer(integer, 1)), bits);
  Value* odd = b_.CreateBitCast(b_.CreateOr(bits, splat_integer(integer, 1)), narrow);
  return b_.CreateSelect(b_.CreateFCmpONE(back, x), odd, nearest);
}

// A 64-bit integer whose bits beyond an f64's are one bit that says whether there were any.
Value* PointwiseEmitter::with_sticky_bit(Value* x, bool is_signed) {
  constexpr int64_t kLow = 0xfff;
  constexpr int64_t kExact = int64_t{1} << 53;
  Type* type = x->getType();
  Value* low = b_.CreateAnd(x, splat_integer(type, kLow));
  Value* high = b_.CreateAnd(x, splat_integer(type, ~kLow));
  Value* has_low = b_.CreateICmpNE(low, splat_integer(type, 0));
  Value* sticky = b_.CreateOr(high, b_.CreateSelect(has_low, splat_integer(type, 0x800), splat_integer(type, 0)));
  Value* size = is_signed ? b_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, x, b_.getFalse()) : x;
  return b_.CreateSelect(b_.CreateICmpULT(size, splat_integer(type, kExact)), x, sticky);
}

Value* PointwiseEmitter::convert(Value* value, DType from, DType to) {
  if (from == to) return value;
  Type* type = with_element(value->getType(), register_type(to, 1));
  if (to == DType::pred) {
    if (is_floating(from)) return b_.CreateFCmpUNE(value, splat(value->getType(), 0));
    return b_.CreateICmpNE(value, splat_integer(value->getType(), 0));
  }
  if (is_floating(from) && is_floating(to)) {
    if (from == DType::f64 && is_narrow_float(to)) return round_to(rounded_to_odd(value), to);
    return round_to(b_.CreateFPCast(value, type), to);
  }
  if (is_floating(from)) {
    const ID id = is_signed_int(to) ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
    return b_.CreateIntrinsic(id, {type, value->getType()}, {value});
  }
  if (is_floating(to)) {
    if (is_narrow_float(to) && bits_of(from) >= 32) {
      if (bits_of(from) == 64) value = with_sticky_bit(value, is_signed_int(from));
      Type* wide = with_element(value->getType(), b_.getDoubleTy());
      value = is_signed_int(from) ? b_.CreateSIToFP(value, wide) : b_.CreateUIToFP(value, wide);
      return round_to(rounded_to_odd(value), to);
    }
    return round_to(is_signed_int(from) ? b_.CreateSIToFP(value, type) : b_.CreateUIToFP(value, type), to);
  }
  return b_.CreateIntCast(value, type, is_signed_int(from));
}

Value* PointwiseEmitter::bitcast_convert(Value* value, DType from, DType to) {
  Value* stored = to_memory(value, from);
  Value* seen = b_.CreateBitCast(stored, with_element(stored->getType(), memory_type(to)));
  // Bits without their sign are an absolute value too.
  const bool is_number = seen->getType()->isFPOrFPVectorTy() && is_integer(from);
  return to_register(is_number ? b_.CreateArithmeticFence(seen, seen->getType()) : seen, to);
}

// ---- integers -----------------------------------------------------------------------------------------------------

// Division by zero gives -1, the lowest number by -1 itself.
Value* PointwiseEmitter::divide(Value* x, Value* y, bool is_signed) {
  Type* type = x->getType();
  Value* is_zero = b_.CreateICmpEQ(y, splat_integer(type, 0));
  Value* one = splat_integer(type, 1);
  Value* all_ones = splat_integer(type, -1);
  if (!is_signed) return b_.CreateSelect(is_zero, all_ones, b_.CreateUDiv(x, b_.CreateSelect(is_zero, one, y)));
  Value* is_minus_one = b_.CreateICmpEQ(y, all_ones);
  Value* quotient = b_.CreateSDiv(x, b_.CreateSelect(b_.CreateOr(is_zero, is_minus_one), one, y));
  return b_.CreateSelect(is_zero, all_ones, b_.CreateSelect(is_minus_one, b_.CreateNeg(x), quotient));
}

Value* PointwiseEmitter::remainder(Value* x, Value* y, bool is_signed) {
  Type* type = x->getType();
  Value* is_zero = b_.CreateICmpEQ(y, splat_integer(type, 0));
  Value* one = splat_integer(type, 1);
  if (!is_signed) return b_.CreateSelect(is_zero, x, b_.CreateURem(x, b_.CreateSelect(is_zero, one, y)));
  Value* is_minus_one = b_.CreateICmpEQ(y, splat_integer(type, -1));
  Value* rest = b_.CreateSRem(x, b_.CreateSelect(b_.CreateOr(is_zero, is_minus_one), one, y));
  return b_.CreateSelect(is_zero, x, rest);
}

Value* PointwiseEmitter::shift(Op op, Value* x, Value* amount) {
  Type* type = x->getType();
  const auto width = static_cast<int64_t>(type->getScalarSizeInBits());
  Value* is_beyond = b_.CreateICmpUGE(amount, splat_integer(type, width));
  if (op == Op::shift_right_arithmetic) {
    return b_.CreateAShr(x, b_.CreateSelect(is_beyond, splat_integer(type, width - 1), amount));
  }
  Value* safe = b_.CreateSelect(is_beyond, splat_integer(type, 0), amount);
  Value* shifted = op == Op::shift_left ? b_.CreateShl(x, safe) : b_.CreateLShr(x, safe);
  return b_.CreateSelect(is_beyond, splat_integer(type, 0), shifted);
}

Value* PointwiseEmitter::emit_integer(Op op, bool is_signed, std::span<Value* const> v) {
  Type* type = v[0]->getType();
  Value* zero = splat_integer(type, 0);
  const ID smax = is_signed ? llvm::Intrinsic::smax : llvm::Intrinsic::umax;
  const ID smin = is_signed ? llvm::Intrinsic::smin : llvm::Intrinsic::umin;
  switch (op) {
    case Op::abs:
      return is_signed ? b_.CreateSelect(b_.CreateICmpSLT(v[0], zero), b_.CreateNeg(v[0]), v[0]) : v[0];
    case Op::add:
      return b_.CreateAdd(v[0], v[1]);
    case Op::and_:
      return b_.CreateAnd(v[0], v[1]);
    case Op::clamp:
      return binary(smin, v[2], binary(smax, v[0], v[1]));
    case Op::count_leading_zeros:
      return b_.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, v[0], b_.getFalse());
    case Op::divide:
      return divide(v[0], v[1], is_signed);
    case Op::maximum:
      return binary(smax, v[0], v[1]);
    case Op::minimum:
      return binary(smin, v[0], v[1]);
    case Op::multiply:
      return b_.CreateMul(v[0], v[1]);
    case Op::negate:
      return b_.CreateNeg(v[0]);
    case Op::not_:
      return b_.CreateNot(v[0]);
    case Op::or_:
      return b_.CreateOr(v[0], v[1]);
    case Op::popcnt:
      return unary(llvm::Intrinsic::ctpop, v[0]);
    case Op::remainder:
      return remainder(v[0], v[1], is_signed);
    case Op::shift_left:
    case Op::shift_right_arithmetic:
    case Op::shift_right_logical:
      return shift(op, v[0], v[1]);
    case Op::sign: {
      Value* positive = b_.CreateZExt(b_.CreateICmpNE(v[0], zero), type);
      return is_signed ? b_.CreateSelect(b_.CreateICmpSLT(v[0], zero), splat_integer(type, -1), positive) : positive;
    }
    case Op::subtract:
      return b_.CreateSub(v[0], v[1]);
    case Op::xor_:
      return b_.CreateXor(v[0], v[1]);
    default:
      GSHARD_CHECK(false, keyword_of(op));
  }
}

Value* PointwiseEmitter::emit_bit(Op op, std::span<Value* const> v) {
  switch (op) {
    case Op::add:
    case Op::maximum:
    case Op::or_:
      return b_.CreateOr(v[0], v[1]);
    case Op::and_:
    case Op::minimum:
    case Op::multiply:
      return b_.CreateAnd(v[0], v[1]);
    case Op::clamp:
      return b_.CreateAnd(v[2], b_.CreateOr(v[0], v[1]));
    case Op::not_:
      return b_.CreateNot(v[0]);
    case Op::xor_:
      return b_.CreateXor(v[0], v[1]);
    default:
      GSHARD_CHECK(false, keyword_of(op));
  }
}

// ---- floats -------------------------------------------------------------------------------------------------------

// A NaN of either side wins. Of two zeros y is taken.
Value* PointwiseEmitter::loose_extremum(Op op, Value* x, Value* y) {
  Value* is_first = op == Op::maximum ? b_.CreateFCmpOGT(x, y) : b_.CreateFCmpOLT(x, y);
  return b_.CreateSelect(b_.CreateFCmpUNO(x, x), x, b_.CreateSelect(is_first, x, y));
}

// A NaN of either side wins, and +0 is above -0.
Value* PointwiseEmitter::extremum(Op op, Value* x, Value* y) {
  if (wins_ties(op, y)) return loose_extremum(op, x, y);
  if (wins_ties(op, x)) return loose_extremum(op, y, x);
  Type* integer = with_element(x->getType(), b_.getIntNTy(x->getType()->getScalarSizeInBits()));
  Value* x_bits = b_.CreateBitCast(x, integer);
  Value* y_bits = b_.CreateBitCast(y, integer);
  // Of equal numbers only the zeros may differ in their bits.
  Value* equal = op == Op::maximum ? b_.CreateAnd(x_bits, y_bits) : b_.CreateOr(x_bits, y_bits);
  return b_.CreateSelect(b_.CreateFCmpOEQ(x, y), b_.CreateBitCast(equal, x->getType()), loose_extremum(op, x, y));
}

Value* PointwiseEmitter::divide_by_one(Value* x, Value* divisor, Accuracy accuracy) {
  const auto lanes = llvm::cast<llvm::FixedVectorType>(x->getType())->getNumElements();
  const auto fma = [&](Value* a, Value* b, Value* c) {
    return b_.CreateIntrinsic(llvm::Intrinsic::fmuladd, {x->getType()}, {a, b, c});
  };
  Value* reciprocal = b_.CreateVectorSplat(lanes, b_.CreateFDiv(splat(divisor->getType(), 1), divisor));
  Value* quotient = b_.CreateFMul(x, reciprocal);
  if (accuracy != Accuracy::full) return quotient;
  Value* rest = fma(b_.CreateFNeg(quotient), b_.CreateVectorSplat(lanes, divisor), x);
  Value* better = fma(rest, reciprocal, quotient);
  // Infinities and zeros leave no rest; and zeros have a sign.
  return b_.CreateSelect(b_.CreateFCmpUEQ(better, splat(x->getType(), 0)), quotient, better);
}

// What is asked of |x| and of NaN, LLVM 19 may make one question of, about x: max(|x|, 0) became max(x, 0), as
// select(x is NaN, |x|, select(|x| > 0, |x|, 0)). It does not look through the fence, which is no instruction.
Value* PointwiseEmitter::absolute(Value* x) {
  return b_.CreateArithmeticFence(unary(llvm::Intrinsic::fabs, x), x->getType());
}

// A product that may become one operation with a sum that it is added to.
Value* PointwiseEmitter::product(Value* x, Value* y) {
  Value* made = b_.CreateFMul(x, y);
  if (auto* instruction = llvm::dyn_cast<llvm::Instruction>(made)) instruction->setHasAllowContract(true);
  return made;
}

Value* PointwiseEmitter::emit_float(Op op, std::span<Value* const> v, Accuracy accuracy) {
  Type* type = v[0]->getType();
  Value* one = splat(type, 1);
  if (Value* made = inline_math(op, b_, v[0], accuracy); made != nullptr) return made;
  if (op == Op::log_plus_one) return log_plus_one(v[0]);
  if (const char* function = math_name(op); function != nullptr) return math(function, v);
  switch (op) {
    case Op::abs:
      return absolute(v[0]);
    case Op::add:
      return b_.CreateFAdd(v[0], v[1]);
    case Op::ceil:
      return unary(llvm::Intrinsic::ceil, v[0]);
    case Op::clamp:
      return extremum(Op::minimum, v[2], extremum(Op::maximum, v[0], v[1]));
    case Op::divide:
      return b_.CreateFDiv(v[0], v[1]);
    case Op::floor:
      return unary(llvm::Intrinsic::floor, v[0]);
    case Op::is_finite:
      return b_.CreateFCmpOLT(unary(llvm::Intrinsic::fabs, v[0]), llvm::ConstantFP::getInfinity(type));
    case Op::logistic: {
      Value* negated = b_.CreateFNeg(v[0]);
      return b_.CreateFDiv(one, b_.CreateFAdd(one, math("exp", {&negated, 1})));
    }
    case Op::maximum:
    case Op::minimum:
      return extremum(op, v[0], v[1]);
    case Op::multiply:
      return product(v[0], v[1]);
    case Op::negate:
      return b_.CreateFNeg(v[0]);
    case Op::remainder:
      return b_.CreateFRem(v[0], v[1]);
    case Op::round_nearest_afz:
      return unary(llvm::Intrinsic::round, v[0]);
    case Op::round_nearest_even:
      return unary(llvm::Intrinsic::rint, v[0]);
    case Op::rsqrt:
      return b_.CreateFDiv(one, unary(llvm::Intrinsic::sqrt, v[0]));
    case Op::sign: {
      Value* zero = splat(type, 0);
      Value* negative = b_.CreateSelect(b_.CreateFCmpOLT(v[0], zero), splat(type, -1), v[0]);
      return b_.CreateSelect(b_.CreateFCmpOGT(v[0], zero), one, negative);
    }
    case Op::sqrt:
      return unary(llvm::Intrinsic::sqrt, v[0]);
    case Op::subtract:
      return b_.CreateFSub(v[0], v[1]);
    default:
      GSHARD_CHECK(false, keyword_of(op));
  }
}

// ---- instructions and computations --------------------------------------------------------------------------------

Value* PointwiseEmitter::combine(Op op, DType type, Value* a, Value* b) {
  Value* operands[] = {a, b};
  if (type == DType::pred) return emit_bit(op, operands);
  if (is_integer(type)) return emit_integer(op, is_signed_int(type), operands);
  const llvm::IRBuilder<>::FastMathFlagGuard guard(b_);
  llvm::FastMathFlags flags;
  if (op == Op::maximum || op == Op::minimum) {
    // An instruction and two beside it that wait for `b` alone, and sums come in as `a`. Of two zeros either is taken.
    flags.setNoSignedZeros();
    b_.setFastMathFlags(flags);
    return b_.CreateBinaryIntrinsic(op == Op::maximum ? llvm::Intrinsic::maximum : llvm::Intrinsic::minimum, b, a);
  }
  // Sums take in products unrounded.
  flags.setAllowContract(op == Op::add);
  b_.setFastMathFlags(flags);
  return emit_float(op, operands, Accuracy::full);
}

Value* PointwiseEmitter::neutral(Op op, DType type) {
  Type* of = register_type(type, 1);
  if (is_floating(type)) {
    if (op == Op::add) return splat(of, -0.0);
    if (op == Op::multiply) return splat(of, 1);
    return llvm::ConstantFP::getInfinity(of, op == Op::maximum);
  }
  const unsigned width = of->getScalarSizeInBits();
  const bool is_signed = is_signed_int(type);
  switch (op) {
    case Op::multiply:
      return splat_integer(of, 1);
    case Op::and_:
      return splat_integer(of, -1);
    case Op::maximum:
      return llvm::ConstantInt::get(of,
                                    is_signed ? llvm::APInt::getSignedMinValue(width) : llvm::APInt::getZero(width));
    case Op::minimum:
      return llvm::ConstantInt::get(
          of, is_signed ? llvm::APInt::getSignedMaxValue(width) : llvm::APInt::getMaxValue(width));
    default:
      return splat_integer(of, 0);
  }
}

Value* PointwiseEmitter::emit(const Instruction& x, std::span<Value* const> operands, Accuracy accuracy) {
  const DType type = x.operand(0)->shape().type();
  switch (x.op()) {
    case Op::compare:
      return compare(x, operands[0], operands[1]);
    case Op::convert:
      return convert(operands[0], type, x.shape().type());
    case Op::bitcast_convert:
      return bitcast_convert(operands[0], type, x.shape().type());
    case Op::select:
      return b_.CreateSelect(operands[0], operands[1], operands[2]);
    default:
      break;
  }
  if (type == DType::pred) return emit_bit(x.op(), operands);
  if (is_integer(type)) return emit_integer(x.op(), is_signed_int(type), operands);
  Value* result = emit_float(x.op(), operands, accuracy);
  return x.shape().type() == DType::pred ? result : round_to(result, x.shape().type());
}

std::vector<Value*> PointwiseEmitter::emit(const Computation& computation, std::span<Value* const> arguments,
                                           unsigned lanes) {
  std::vector<Value*> values(computation.size());
  for (const auto& x : computation.instructions()) {
    std::vector<Value*> operands;
    for (const Instruction* operand : x->operands()) operands.push_back(values[operand->index()]);
    if (x->op() == Op::parameter) {
      values[x->index()] = arguments[static_cast<size_t>(x->attrs<ParameterAttrs>().number)];
    } else if (x->op() == Op::constant) {
      Value* value = constant(x->attrs<ConstantAttrs>().value);
      values[x->index()] = lanes == 1 ? value : b_.CreateVectorSplat(lanes, value);
    } else if (x->op() == Op::tuple) {
      return operands;
    } else {
      values[x->index()] = emit(*x, operands);
    }
  }
  return {values[computation.root()->index()]};
}

}  // namespace gshard::cpu
