#include "eval/pointwise.h"

#include <algorithm>
#include <cstring>

#include "eval/dispatch.h"
#include "eval/elements.h"

namespace gshard {
namespace {

// Scratch for blocks that are widened or spread: small enough that four of them stay in the first-level cache.
constexpr size_t kBlock = 512;
struct Scratch {
  alignas(64) std::byte bytes[kBlock * 16];
};

bool is_narrow_float(DType type) { return is_floating(type) && bits_of(type) < 32; }

// Hands out an operand block by block, in the type that loops read.
class Feed {
 public:
  explicit Feed(const Literal& operand, bool spread)
      : type_(operand.shape().type()), data_(operand.bytes()), spread_(spread && operand.shape().is_scalar()) {}

  bool needs_scratch() const { return spread_ || is_narrow_float(type_); }

  const void* block(size_t first, size_t n, Scratch& scratch) {
    const auto size = static_cast<size_t>(bytes_of(type_));
    if (spread_) return filled_ ? scratch.bytes : fill(scratch);
    const std::byte* at = data_ + first * size;
    if (!is_narrow_float(type_)) return at;
    widen_floats(type_, at, reinterpret_cast<float*>(scratch.bytes), n);
    return scratch.bytes;
  }

 private:
  const void* fill(Scratch& scratch) {
    filled_ = true;
    std::byte value[16];
    if (is_narrow_float(type_)) {
      widen_floats(type_, data_, reinterpret_cast<float*>(value), 1);
    } else {
      std::memcpy(value, data_, static_cast<size_t>(bytes_of(type_)));
    }
    const auto size = static_cast<size_t>(bytes_of(compute_type(type_)));
    for (size_t i = 0; i < kBlock; ++i) std::memcpy(scratch.bytes + i * size, value, size);
    return scratch.bytes;
  }

  DType type_;
  const std::byte* data_;
  bool spread_;
  bool filled_ = false;
};

int width_of(DType type) { return type == DType::pred ? 1 : bits_of(type); }

void run_loop(BlockLoop loop, std::span<Feed> feeds, int bits, Literal& result) {
  const DType type = result.shape().type();
  const auto count = static_cast<size_t>(result.shape().element_count());
  const auto size = static_cast<size_t>(bytes_of(type));
  const bool narrow = is_narrow_float(type);
  const bool blocked = narrow || std::any_of(feeds.begin(), feeds.end(), [](const Feed& f) { return f.needs_scratch(); });
  const size_t step = blocked ? kBlock : std::max<size_t>(count, 1);
  std::byte* out = result.mutable_bytes();
  Scratch scratch[4];
  for (size_t first = 0; first < count; first += step) {
    const size_t n = std::min(step, count - first);
    std::byte* at = out + first * size;
    Block block{{}, narrow ? scratch[3].bytes : at, n, bits};
    for (size_t i = 0; i < feeds.size(); ++i) block.in[i] = feeds[i].block(first, n, scratch[i]);
    loop(block);
    if (narrow) narrow_floats(type, reinterpret_cast<const float*>(scratch[3].bytes), at, n);
    wrap_integers(type, at, n);
  }
}

}  // namespace

BlockLoop Loops::for_type(DType type) const {
  if (is_narrow_float(type)) return f32;
  switch (type) {
    case DType::pred: return pred;
    case DType::u16: return u16;
    case DType::u32: return u32;
    case DType::u64: return u64;
    case DType::s16: return s16;
    case DType::s32: return s32;
    case DType::s64: return s64;
    case DType::f32: return f32;
    case DType::f64: return f64;
    case DType::c64: return c64;
    case DType::c128: return c128;
    default: break;
  }
  if (is_signed_int(type)) return s8;
  return is_unsigned_int(type) ? u8 : nullptr;
}

const Dims& common_dims(std::span<const Literal> operands) {
  for (const Literal& operand : operands) {
    if (!operand.shape().is_scalar()) return operand.shape().dims();
  }
  return operands[0].shape().dims();
}

Literal result_array(const Shape& shape, std::span<Literal> operands) {
  for (Literal& operand : operands) {
    if (operand.shape() == shape && operand.is_unique()) return std::move(operand);
  }
  return Literal::uninitialized(shape);
}

Literal run_pointwise(const Instruction& instruction, const Loops& loops, std::span<Literal> operands) {
  const DType type = operands[0].shape().type();
  const BlockLoop loop = loops.for_type(type);
  if (loop == nullptr) throw evaluation_error(instruction, "has no meaning on " + std::string(name_of(type)));
  const Shape shape(instruction.shape().type(), common_dims(operands));
  std::vector<Feed> feeds;
  for (const Literal& operand : operands) feeds.emplace_back(operand, !shape.is_scalar());
  Literal result = result_array(shape, operands);
  run_loop(loop, feeds, width_of(type), result);
  return result;
}

Literal eval_select(const Instruction&, std::span<Literal> operands, Evaluator&) {
  const Shape shape(operands[1].shape().type(), common_dims(operands));
  const auto count = static_cast<size_t>(shape.element_count());
  const std::span<const uint8_t> which = operands[0].values<uint8_t>();
  // One choice for the whole array needs no copy.
  if (which.size() == 1 && count > 0) {
    Literal& chosen = operands[which[0] != 0 ? 1 : 2];
    return chosen.shape() == shape ? std::move(chosen) : filled(shape, chosen);
  }
  return with_bytes(shape.type(), [&]<class T>() {
    const std::span<const T> on_true = operands[1].values<T>();
    const std::span<const T> on_false = operands[2].values<T>();
    const size_t step_true = on_true.size() == count ? 1 : 0;
    const size_t step_false = on_false.size() == count ? 1 : 0;
    Literal result = result_array(shape, operands.subspan(1));
    T* out = result.mutable_values<T>().data();
    for (size_t i = 0; i < count; ++i) {
      out[i] = which[i] != 0 ? on_true[i * step_true] : on_false[i * step_false];
    }
    return result;
  });
}

bool is_lane_wise(Op op) {
  switch (op) {
    case Op::abs: case Op::acos: case Op::acosh: case Op::add: case Op::and_: case Op::asin: case Op::asinh:
    case Op::atan2: case Op::atanh: case Op::cbrt: case Op::ceil: case Op::clamp: case Op::count_leading_zeros:
    case Op::compare: case Op::complex: case Op::convert: case Op::copy: case Op::cosine: case Op::cosh:
    case Op::divide: case Op::erf: case Op::exponential: case Op::exponential_minus_one: case Op::floor:
    case Op::imag: case Op::is_finite: case Op::log: case Op::log_plus_one: case Op::logistic: case Op::maximum:
    case Op::minimum: case Op::mulhi: case Op::multiply: case Op::negate: case Op::not_: case Op::or_:
    case Op::popcnt: case Op::power: case Op::real: case Op::reduce_precision: case Op::remainder:
    case Op::round_nearest_afz: case Op::round_nearest_even: case Op::rsqrt: case Op::select: case Op::shift_left:
    case Op::shift_right_arithmetic: case Op::shift_right_logical: case Op::sign: case Op::sine: case Op::sinh:
    case Op::sqrt: case Op::stochastic_convert: case Op::subtract: case Op::tan: case Op::tanh: case Op::xor_:
      return true;
    default: return false;
  }
}

}  // namespace gshard
