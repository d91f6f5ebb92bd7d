// Ops that change the type of elements, and iota.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "eval/dispatch.h"
#include "eval/elements.h"
#include "eval/pointwise.h"

namespace gshard {
namespace {

// ---- bitcast-convert --------------------------------------------------------------------------------------------

// The bits of an element as HLO counts them, at the place of its storage.
uint64_t element_bits(const std::byte* at, int bits, size_t bytes) {
  uint64_t value = 0;
  std::memcpy(&value, at, bytes);
  return bits >= 64 ? value : value & ((uint64_t{1} << bits) - 1);
}

// Elements of types of different widths: the lowest bits of a wide element are the first narrow one.
void regroup_bits(const Literal& from, Literal& to) {
  const int from_bits = bits_of(from.shape().type());
  const int to_bits = bits_of(to.shape().type());
  const auto from_bytes = static_cast<size_t>(bytes_of(from.shape().type()));
  const auto to_bytes = static_cast<size_t>(bytes_of(to.shape().type()));
  std::byte* out = to.mutable_bytes();
  const auto count = static_cast<size_t>(std::max(from.shape().element_count(), to.shape().element_count()));
  std::memset(out, 0, static_cast<size_t>(to.byte_size()));
  const bool splits = from_bits > to_bits;
  const auto ratio = static_cast<size_t>(splits ? from_bits / to_bits : to_bits / from_bits);
  const auto narrow_bits = static_cast<size_t>(splits ? to_bits : from_bits);
  for (size_t i = 0; i < count; ++i) {
    const size_t offset = i % ratio * narrow_bits;  // in the wide element
    const size_t wide = i / ratio;
    const std::byte* source = from.bytes() + (splits ? wide * from_bytes + offset / 64 * 8 : i * from_bytes);
    std::byte* target = out + (splits ? i * to_bytes : wide * to_bytes + offset / 64 * 8);
    uint64_t value = element_bits(source, std::min(from_bits, 64), std::min<size_t>(from_bytes, 8));
    uint64_t merged = splits ? value >> (offset % 64) : value << (offset % 64);
    if (splits && narrow_bits < 64) merged &= (uint64_t{1} << narrow_bits) - 1;
    const size_t bytes = std::min<size_t>(to_bytes, 8);
    if (!splits) merged |= element_bits(target, 64, bytes);
    std::memcpy(target, &merged, bytes);
  }
}

}  // namespace

Literal eval_convert(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const bool same = operands[0].shape().type() == instruction.shape().type();
  return same ? std::move(operands[0]) : run_pointwise(instruction, operands);
}

Literal eval_bitcast_convert(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const Shape& shape = instruction.shape();
  const bool regroups = bits_of(operands[0].shape().type()) != bits_of(shape.type());
  Literal result = regroups ? Literal::uninitialized(shape.without_layout())
                            : std::move(operands[0]).reinterpreted(shape.without_layout());
  if (regroups) regroup_bits(operands[0], result);
  const auto count = static_cast<size_t>(shape.element_count());
  if (bits_of(shape.type()) < 8) wrap_integers(shape.type(), result.mutable_bytes(), count);
  if (shape.type() == DType::pred) bytes_to_preds(result.mutable_bytes(), count);
  return result;
}

Literal eval_iota(const Instruction& instruction, std::span<Literal>, Evaluator&) {
  constexpr int64_t kBlock = 512;
  const Shape& shape = instruction.shape();
  const auto dimension = static_cast<size_t>(instruction.attrs<IotaAttrs>().iota_dimension);
  Literal result = Literal::uninitialized(shape.without_layout());
  if (shape.element_count() == 0) return result;
  const int64_t size = shape.dim(dimension);
  const int64_t inner = row_major_strides(shape.dims())[dimension];
  with_bytes(shape.type(), [&]<class T>() {
    const std::span<T> out = result.mutable_values<T>();
    int64_t numbers[kBlock];
    T elements[kBlock];
    for (int64_t first = 0; first < size; first += kBlock) {
      const int64_t n = std::min(kBlock, size - first);
      std::iota(numbers, numbers + n, first);
      convert_block(DType::s64, reinterpret_cast<const std::byte*>(numbers), shape.type(),
                    reinterpret_cast<std::byte*>(elements), static_cast<size_t>(n));
      for (int64_t i = 0; i < n; ++i) std::fill_n(out.begin() + (first + i) * inner, inner, elements[i]);
    }
    // The outer dimensions repeat what stands there now.
    const size_t period = static_cast<size_t>(size * inner);
    for (size_t i = period; i < out.size(); i += period) std::copy_n(out.begin(), period, out.data() + i);
  });
  return result;
}

}  // namespace gshard
