#include "backend/cpu/emit_math.h"

#include <llvm/IR/Intrinsics.h>

#include <cmath>
#include <initializer_list>

namespace gshard::cpu {
namespace {

using llvm::Type;
using llvm::Value;

Type* integers_like(Type* type) {
  Type* integer = Type::getInt32Ty(type->getContext());
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  return vector == nullptr ? integer : llvm::FixedVectorType::get(integer, vector->getNumElements());
}

// Of 2^x between -1/2 and 1/2, from the highest power down, to 13 bits.
constexpr std::initializer_list<double> kCoarsePower = {5.517166493e-2, 0.242611121877, 0.693260986223, 0.999928073578};

class Math {
 public:
  Math(llvm::IRBuilder<>& builder, Type* type) : b_(builder), type_(type), bits_type_(integers_like(type)) {}

  Value* exponential(Value* x);
  Value* exponential_minus_one(Value* x);
  Value* log(Value* x);
  Value* log_plus_one(Value* x);
  Value* tanh(Value* x);
  Value* erf(Value* x);
  Value* logistic(Value* x);
  Value* one_plus_erf(Value* x, Accuracy accuracy);

  Value* coarse_exponential(Value* x);
  Value* coarse_logistic(Value* x);
  Value* coarse_tanh(Value* x);

 private:
  // x = turns * log 2 + rest, |rest| at most log 2 / 2; `exponent` is turns << 23, to be added to the bits of a float.
  struct Reduced {
    Value* rest;
    Value* exponent;
  };

  Value* number(double x) { return llvm::ConstantFP::get(type_, x); }
  Value* integer(int32_t x) { return llvm::ConstantInt::get(bits_type_, static_cast<uint64_t>(x), true); }
  Value* fma(Value* a, Value* b, Value* c) { return b_.CreateIntrinsic(llvm::Intrinsic::fmuladd, {type_}, {a, b, c}); }
  Value* abs(Value* x) { return b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); }
  Value* with_sign_of(Value* x, Value* sign) { return b_.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, x, sign); }
  Value* bits(Value* x) { return b_.CreateBitCast(x, bits_type_); }
  Value* from_bits(Value* x) { return b_.CreateBitCast(x, type_); }
  // Coefficients from that of the highest power down.
  Value* polynomial(Value* x, std::initializer_list<double> coefficients) {
    Value* sum = nullptr;
    for (double c : coefficients) sum = sum == nullptr ? number(c) : fma(sum, x, number(c));
    return sum;
  }
  Reduced reduced(Value* x);
  Value* exponential(Value* x, const Reduced& r);
  Value* power_minus_one(const Reduced& r);
  Value* exponential_of_rest_minus_one(Value* rest);
  // 2^x for x between -126 and 127; of -127 0.
  Value* power_of_two(Value* x, std::initializer_list<double> coefficients);
  Value* coarse_quotient(Value* x, Value* y);
  // NaN stays NaN.
  Value* at_least(double low, Value* x);
  Value* at_most(double high, Value* x);
  Value* erf_near_zero(Value* x, Value* square);
  Value* erf_far_from_zero(Value* x, Value* square);

  llvm::IRBuilder<>& b_;
  Type* type_;
  Type* bits_type_;
};

Math::Reduced Math::reduced(Value* x) {
  // Adding it rounds to an integer, which then stands in the low bits.
  constexpr double kMagic = 0x1.8p23;
  Value* turned = fma(x, number(M_LOG2E), number(kMagic));
  Value* turns = b_.CreateFSub(turned, number(kMagic));
  // log 2 in two parts, of which the first has so few bits that its product is exact.
  Value* rest = fma(turns, number(-0x1.62e4p-1), x);
  rest = fma(turns, number(-0x1.7f7d1cf79abcap-20), rest);
  return {rest, b_.CreateShl(bits(turned), 23)};
}

Value* Math::exponential_of_rest_minus_one(Value* rest) {
  Value* p = polynomial(rest, {1.98756911e-4, 1.39819994e-3, 8.33345205e-3, 4.16657962e-2, 1.66666657e-1, 0.5});
  return fma(p, b_.CreateFMul(rest, rest), rest);
}

// Loses what is below 1 / 2^24 of it where x is large, and nothing where it is small. |x| is below 80.
Value* Math::power_minus_one(const Reduced& r) {
  Value* scale = from_bits(b_.CreateAdd(r.exponent, integer(0x3f800000)));
  return fma(scale, exponential_of_rest_minus_one(r.rest), b_.CreateFSub(scale, number(1)));
}

Value* Math::exponential(Value* x) { return exponential(x, reduced(x)); }

Value* Math::exponential(Value* x, const Reduced& r) {
  Value* p = b_.CreateFAdd(exponential_of_rest_minus_one(r.rest), number(1));
  Value* y = from_bits(b_.CreateAdd(bits(p), r.exponent));
  y = b_.CreateSelect(b_.CreateFCmpOGE(x, number(-0x1.5d589ep6)), y, number(0));
  // Too large, or NaN.
  Value* beyond = b_.CreateFAdd(x, number(INFINITY));
  return b_.CreateSelect(b_.CreateFCmpUGT(x, number(0x1.62e42ep6)), beyond, y);
}

Value* Math::exponential_minus_one(Value* x) {
  constexpr double kMinusOne = -20;
  Value* above = b_.CreateSelect(b_.CreateFCmpOLT(x, number(kMinusOne)), number(kMinusOne), x);
  const Reduced r = reduced(above);
  return with_sign_of(b_.CreateSelect(b_.CreateFCmpOGT(x, number(60)), exponential(above, r), power_minus_one(r)), x);
}

Value* Math::logistic(Value* x) {
  Value* power = exponential(b_.CreateFNeg(x));
  return b_.CreateFDiv(number(1), b_.CreateFAdd(power, number(1)));
}

// e / (e + 2) for e = exp(2|x|) - 1, in which nothing cancels.
Value* Math::tanh(Value* x) {
  Value* size = abs(x);
  Value* twice = b_.CreateFAdd(size, size);
  twice = b_.CreateSelect(b_.CreateFCmpOGT(twice, number(20)), number(20), twice);
  Value* e = power_minus_one(reduced(twice));
  return with_sign_of(b_.CreateFDiv(e, b_.CreateFAdd(e, number(2))), x);
}

// 2^e * m with m between the roots of 1/2 and 2; log m by a polynomial in m - 1.
Value* Math::log(Value* x) {
  constexpr double kSmallestNormal = 0x1p-126;
  Value* is_small = b_.CreateFCmpOLT(x, number(kSmallestNormal));
  Value* normal = b_.CreateSelect(is_small, b_.CreateFMul(x, number(0x1p23)), x);
  Value* above = b_.CreateSub(bits(normal), integer(0x3f3504f3));
  Value* exponent = b_.CreateAShr(above, 23);
  Value* m = from_bits(b_.CreateSub(bits(normal), b_.CreateShl(exponent, 23)));
  Value* turns = b_.CreateFAdd(b_.CreateSIToFP(exponent, type_), b_.CreateSelect(is_small, number(-23), number(0)));
  Value* f = b_.CreateFSub(m, number(1));
  Value* square = b_.CreateFMul(f, f);
  Value* p = polynomial(f, {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                            -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  Value* y = b_.CreateFMul(b_.CreateFMul(p, f), square);
  y = fma(turns, number(-2.12194440e-4), y);
  y = fma(square, number(-0.5), y);
  y = fma(turns, number(0.693359375), b_.CreateFAdd(y, f));
  // Of 0, infinity, what is below 0, and NaN.
  y = b_.CreateSelect(b_.CreateFCmpOEQ(x, number(0)), number(-INFINITY), y);
  y = b_.CreateSelect(b_.CreateFCmpOLT(x, number(INFINITY)), y, x);
  return b_.CreateSelect(b_.CreateFCmpOLT(x, number(0)), number(NAN), y);
}

// log u + c / u for u = 1 + x as it is rounded, and c what was lost by that.
Value* Math::log_plus_one(Value* x) {
  Value* u = b_.CreateFAdd(x, number(1));
  Value* lost = b_.CreateFSub(x, b_.CreateFSub(u, number(1)));
  Value* has_lost = b_.CreateAnd(b_.CreateFCmpOGT(u, number(0)), b_.CreateFCmpOLT(u, number(0x1p25)));
  Value* y = b_.CreateFAdd(log(u), b_.CreateSelect(has_lost, b_.CreateFDiv(lost, u), number(0)));
  return with_sign_of(y, x);
}

Value* Math::erf_near_zero(Value* x, Value* square) {
  Value* p =
      polynomial(square, {-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1});
  return fma(p, x, x);
}

// 1 - exp(q(|x|)).
Value* Math::erf_far_from_zero(Value* x, Value* square) {
  Value* size = abs(x);
  Value* low = fma(number(-3.88396438e-3), size, number(2.42546219e-2));
  Value* q = fma(number(-1.72853470e-5), size, number(3.83197126e-4));
  q = fma(q, square, low);
  for (double c : {-1.06777877e-1, -6.34846687e-1, -1.28717512e-1}) q = fma(q, size, number(c));
  q = fma(q, size, b_.CreateFNeg(size));
  const Reduced r = reduced(q);
  Value* scale = from_bits(b_.CreateAdd(r.exponent, integer(0x3f800000)));
  Value* power = fma(scale, exponential_of_rest_minus_one(r.rest), scale);
  return with_sign_of(b_.CreateFSub(number(1), power), x);
}

Value* Math::erf(Value* x) {
  // Beyond this it is 1, and powers of two would leave the range of exponents.
  constexpr double kOne = 4;
  Value* size = abs(x);
  Value* near = b_.CreateSelect(b_.CreateFCmpOGT(size, number(kOne)), with_sign_of(number(kOne), x), x);
  Value* square = b_.CreateFMul(near, near);
  return b_.CreateSelect(b_.CreateFCmpOGT(size, number(0.927734375)), erf_far_from_zero(near, square),
                         erf_near_zero(near, square));
}

// ---- coarse functions ---------------------------------------------------------------------------------------------

Value* Math::at_least(double low, Value* x) {
  return b_.CreateSelect(b_.CreateFCmpOLT(x, number(low)), number(low), x);
}

Value* Math::at_most(double high, Value* x) {
  return b_.CreateSelect(b_.CreateFCmpOGT(x, number(high)), number(high), x);
}

Value* Math::power_of_two(Value* x, std::initializer_list<double> coefficients) {
  // Leaves the exponent of a float in the low bits.
  constexpr double kMagic = 0x1.8p23 + 127;
  Value* turned = b_.CreateFAdd(x, number(kMagic));
  Value* rest = b_.CreateFSub(x, b_.CreateFSub(turned, number(kMagic)));
  return b_.CreateFMul(polynomial(rest, coefficients), from_bits(b_.CreateShl(bits(turned), 23)));
}

// By the machine's estimate of a reciprocal, where it has one. y is neither large nor small.
Value* Math::coarse_quotient(Value* x, Value* y) {
  Value* quotient = b_.CreateFDiv(x, y);
  if (auto* made = llvm::dyn_cast<llvm::Instruction>(quotient)) made->setHasAllowReciprocal(true);
  return quotient;
}

Value* Math::coarse_exponential(Value* x) {
  constexpr double kMagic = 0x1.8p23;
  Value* turned = fma(x, number(M_LOG2E), number(kMagic));
  Value* rest = fma(x, number(M_LOG2E), b_.CreateFSub(number(kMagic), turned));
  Value* y = from_bits(b_.CreateAdd(bits(polynomial(rest, kCoarsePower)), b_.CreateShl(bits(turned), 23)));
  y = b_.CreateSelect(b_.CreateFCmpOGE(x, number(-0x1.5d589ep6)), y, number(0));
  Value* beyond = b_.CreateFAdd(x, number(INFINITY));
  return b_.CreateSelect(b_.CreateFCmpUGT(x, number(0x1.62e42ep6)), beyond, y);
}

Value* Math::coarse_logistic(Value* x) {
  constexpr double kMost = 126;
  Value* exponent = at_least(-kMost, b_.CreateFMul(x, number(-M_LOG2E)));
  Value* power = power_of_two(exponent, kCoarsePower);
  Value* y = coarse_quotient(number(1), b_.CreateFAdd(power, number(1)));
  return b_.CreateSelect(b_.CreateFCmpOGT(exponent, number(kMost)), number(0), y);
}

// x * p(x^2) / q(x^2).
Value* Math::coarse_tanh(Value* x) {
  Value* near = at_most(4.3, at_least(-4.3, x));
  Value* square = b_.CreateFMul(near, near);
  Value* p = polynomial(square, {7.39613577e-4, 0.104491547, 0.999978721});
  Value* q = polynomial(square, {1.34758723e-2, 0.4376761, 1});
  return coarse_quotient(b_.CreateFMul(near, p), q);
}

// With 1 - erf(|x|) as a power of two, of a polynomial in |x|.
Value* Math::one_plus_erf(Value* x, Accuracy accuracy) {
  Value* size = abs(x);
  Value* exponent = nullptr;
  if (accuracy == Accuracy::coarse) {
    exponent =
        polynomial(size, {-1.305218889948e-3, 1.9447521159845e-2, -0.1264888603355, -0.938004272283, -1.622501087909});
  } else {
    exponent = polynomial(size, {-4.535859779357e-5, 4.455076487477e-4, -1.489441665093e-3, -7.746295564571e-4,
                                 2.825368094714e-2, -0.1484816149893, -0.918416393279, -1.627908593061});
  }
  // The power of the least exponent is 0.
  exponent = at_least(-127, b_.CreateFMul(exponent, size));
  Value* small = accuracy == Accuracy::coarse
                     ? power_of_two(exponent, kCoarsePower)
                     : power_of_two(exponent, {1.535336181867e-4, 1.339887444561e-3, 9.618437358288e-3,
                                               5.550332471026e-2, 0.2402264791362, 0.6931472028551, 1});
  return b_.CreateSelect(b_.CreateFCmpOGT(x, number(0)), b_.CreateFSub(number(2), small), small);
}

Value* coarse_math(Op op, Math& math, Value* x) {
  switch (op) {
    case Op::exponential:
      return math.coarse_exponential(x);
    case Op::logistic:
      return math.coarse_logistic(x);
    case Op::tanh:
      return math.coarse_tanh(x);
    default:
      return nullptr;
  }
}

}  // namespace

Value* one_plus_erf(llvm::IRBuilder<>& builder, Value* x, Accuracy accuracy) {
  return Math(builder, x->getType()).one_plus_erf(x, accuracy);
}

Value* inline_math(Op op, llvm::IRBuilder<>& builder, Value* x, Accuracy accuracy) {
  if (!x->getType()->getScalarType()->isFloatTy()) return nullptr;
  Math math(builder, x->getType());
  if (accuracy == Accuracy::coarse) {
    if (Value* made = coarse_math(op, math, x); made != nullptr) return made;
  }
  switch (op) {
    case Op::erf:
      return math.erf(x);
    case Op::exponential:
      return math.exponential(x);
    case Op::exponential_minus_one:
      return math.exponential_minus_one(x);
    case Op::log:
      return math.log(x);
    case Op::log_plus_one:
      return math.log_plus_one(x);
    case Op::logistic:
      return math.logistic(x);
    case Op::tanh:
      return math.tanh(x);
    default:
      return nullptr;
  }
}

}  // namespace gshard::cpu
