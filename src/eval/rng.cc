// Random numbers: rng-bit-generator with XLA's bits, and rng from a stream of our own.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/random.h"
#include "eval/dispatch.h"
#include "eval/elements.h"
#include "eval/evaluator.h"
#include "eval/rng.h"

namespace gshard {
namespace {

std::array<uint32_t, 2> halves(uint64_t x) { return {static_cast<uint32_t>(x), static_cast<uint32_t>(x >> 32)}; }

// ---- rng-bit-generator ------------------------------------------------------------------------------------------

struct Bits128 {
  uint64_t low;
  uint64_t high;
  Bits128 operator+(uint64_t n) const { return {low + n, high + (low + n < low ? 1 : 0)}; }
};

// Words in the order of the elements; an element of 64 bits takes two, low half first.
//
// The state is the key and a 128-bit counter of blocks of four words. Where the state has no high half of the
// counter, the key stands in for it.
std::vector<uint32_t> philox_words(size_t count, std::span<uint64_t> state) {
  const uint64_t key = state[0];
  const size_t blocks = (count + 3) / 4;
  const Bits128 start{state[1], state.size() > 2 ? state[2] : key};
  std::vector<uint32_t> words(blocks * 4);
  for (size_t i = 0; i < blocks; ++i) {
    const Bits128 counter = start + i;
    const auto low = halves(counter.low);
    const auto high = halves(counter.high);
    const auto block = philox4x32({low[0], low[1], high[0], high[1]}, halves(key));
    std::copy(block.begin(), block.end(), words.begin() + static_cast<std::ptrdiff_t>(i * 4));
  }
  const Bits128 end = start + blocks;
  state[1] = end.low;
  if (state.size() > 2) state[2] = end.high;
  return words;
}

// The state is the key and a counter of blocks of two words.
std::vector<uint32_t> threefry_words(const ThreefrySplit& split, std::span<uint64_t> state) {
  const int64_t blocks = split.block_count();
  std::vector<uint32_t> words(static_cast<size_t>(split.outer * split.size * split.inner));
  for (int64_t i = 0; i < blocks; ++i) {
    const auto block = threefry2x32(halves(state[1] + static_cast<uint64_t>(i)), halves(state[0]));
    const int64_t first = split.first_word(i);
    words[static_cast<size_t>(first)] = block[0];
    const bool stands_alone = first / split.inner % split.size + 1 == split.size;
    if (!stands_alone) words[static_cast<size_t>(first + split.inner)] = block[1];
  }
  state[1] += static_cast<uint64_t>(blocks);
  return words;
}

// An array whose elements are the lowest bits of one word each, or of two where they have 64 bits.
Literal array_of_words(const Shape& shape, std::span<const uint32_t> words) {
  Literal result = Literal::uninitialized(shape.without_layout());
  const auto count = static_cast<size_t>(shape.element_count());
  const auto size = static_cast<size_t>(bytes_of(shape.type()));
  std::byte* out = result.mutable_bytes();
  if (size >= 4) {
    std::memcpy(out, words.data(), count * size);
  } else {
    for (size_t i = 0; i < count; ++i) std::memcpy(out + i * size, &words[i], size);
  }
  wrap_integers(shape.type(), out, count);
  return result;
}

std::vector<uint32_t> random_words(const Shape& shape, RngAlgorithm algorithm, std::span<uint64_t> state) {
  const bool wide = bytes_of(shape.type()) == 8;
  const auto count = static_cast<size_t>(shape.element_count());
  if (algorithm == RngAlgorithm::rng_three_fry) return threefry_words(threefry_split(shape), state);
  return philox_words(wide ? 2 * count : count, state);
}

// ---- rng --------------------------------------------------------------------------------------------------------

// Integers of [low, high): the high half of bits times range is even enough.
Literal uniform_integers(const Shape& shape, const Literal& low, const Literal& high, uint64_t key) {
  Literal result = Literal::uninitialized(shape.without_layout());
  with_integer(shape.type(), [&]<class T>() {
    const auto from = static_cast<uint64_t>(low.values<T>()[0]);
    const uint64_t range = static_cast<uint64_t>(high.values<T>()[0]) - from;
    const std::span<T> out = result.mutable_values<T>();
    for (size_t i = 0; i < out.size(); ++i) {
      const auto scaled = static_cast<unsigned __int128>(random_bits(key, i)) * range;
      out[i] = static_cast<T>(from + static_cast<uint64_t>(scaled >> 64));
    }
  });
  return result;
}

double scalar_double(const Literal& x) { return convert_elements(x, DType::f64).values<double>()[0]; }

// The largest number of the type below x, which is one of its numbers: codes of floats count up with the magnitude.
double number_below(DType type, double x) {
  Literal number = convert_elements(Literal::scalar<double>(DType::f64, x), type);
  with_bytes(type, [&]<class Code>() {
    if constexpr (std::is_integral_v<Code>) {
      Code& code = number.mutable_values<Code>()[0];
      code = static_cast<Code>(x == 0 ? 1 : x > 0 ? code - 1 : code + 1);
    }
  });
  return x == 0 ? -scalar_double(number) : scalar_double(number);
}

Literal uniform_floats(const Shape& shape, const Literal& low, const Literal& high, uint64_t key) {
  const double from = scalar_double(low);
  const double to = scalar_double(high);
  // Rounding must not reach `to`.
  const double largest = std::max(from, number_below(shape.type(), to));
  Literal result = Literal::uninitialized(Shape(DType::f64, shape.dims()));
  const std::span<double> out = result.mutable_values<double>();
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = std::min(from + unit_interval(random_bits(key, i)) * (to - from), largest);
  }
  return convert_elements(result, shape.type());
}

// By Box and Muller.
Literal normal_floats(const Shape& shape, const Literal& mean, const Literal& deviation, uint64_t key) {
  constexpr double kTwoPi = 6.283185307179586;
  const double center = scalar_double(mean);
  const double scale = scalar_double(deviation);
  Literal result = Literal::uninitialized(Shape(DType::f64, shape.dims()));
  const std::span<double> out = result.mutable_values<double>();
  for (size_t i = 0; i < out.size(); ++i) {
    const double radius = std::sqrt(-2 * std::log(1 - unit_interval(random_bits(key, 2 * i))));
    out[i] = center + scale * radius * std::cos(kTwoPi * unit_interval(random_bits(key, 2 * i + 1)));
  }
  return convert_elements(result, shape.type());
}

}  // namespace

size_t threefry_split_dim(const Dims& dims) {
  const auto even = std::find_if(dims.begin(), dims.end(), [](int64_t size) { return size % 2 == 0; });
  const auto* at = even != dims.end() ? even : std::max_element(dims.begin(), dims.end());
  return static_cast<size_t>(at - dims.begin());
}

ThreefrySplit threefry_split(const Shape& numbers) {
  if (bytes_of(numbers.type()) == 8) return {1, 2 * numbers.element_count(), 1};
  const Dims& dims = numbers.dims();
  const size_t at = threefry_split_dim(dims);
  ThreefrySplit split;
  for (size_t d = 0; d < dims.size(); ++d) (d < at ? split.outer : d == at ? split.size : split.inner) *= dims[d];
  return split;
}

Literal eval_rng_bit_generator(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  Literal state = std::move(operands[0]);
  if (state.shape().type() != DType::u64 || state.shape().element_count() < 2) {
    throw evaluation_error(instruction, "the state is " + state.shape().to_string() + ", must be u64[2] or u64[3]");
  }
  const bool gives_state = instruction.shape().is_tuple();  // else the bits alone
  const Shape& shape = gives_state ? instruction.shape().element(1) : instruction.shape();
  const RngAlgorithm algorithm = instruction.attrs<RngBitGeneratorAttrs>().algorithm;
  // Refuses what is too large before the words are made.
  Literal bits = Literal::uninitialized(shape.without_layout());
  bits = array_of_words(shape, random_words(shape, algorithm, state.mutable_values<uint64_t>()));
  return gives_state ? Literal::tuple({std::move(state), std::move(bits)}) : bits;
}

Literal eval_rng_get_and_update_state(const Instruction& instruction, std::span<Literal>, Evaluator& evaluator) {
  const auto delta = static_cast<uint64_t>(instruction.attrs<RngStateAttrs>().delta);
  const std::array<uint64_t, 2> state = evaluator.advance_random_state(delta);
  Literal result{instruction.shape().without_layout()};
  const std::span<uint64_t> values = result.mutable_values<uint64_t>();
  std::copy_n(state.begin(), std::min(state.size(), values.size()), values.begin());
  return result;
}

Literal eval_rng(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const Shape& shape = instruction.shape();
  const uint64_t key = evaluator.next_random();
  if (instruction.attrs<RngAttrs>().distribution == Distribution::rng_normal) {
    if (!is_floating(shape.type())) throw evaluation_error(instruction, "has no normal " + shape.to_string());
    return normal_floats(shape, operands[0], operands[1], key);
  }
  if (is_complex(shape.type())) throw evaluation_error(instruction, "has no uniform " + shape.to_string());
  return is_floating(shape.type()) ? uniform_floats(shape, operands[0], operands[1], key)
                                   : uniform_integers(shape, operands[0], operands[1], key);
}

}  // namespace gshard
