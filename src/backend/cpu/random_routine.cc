#include "backend/cpu/random_routine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ceil_div.h"

namespace gshard::cpu {
namespace {

// Blocks of four words that are made together, so that words are lanes of vectors.
constexpr size_t kWide = 16;
using Lanes = std::array<uint32_t, kWide>;

// Key and counter of blocks, as in eval/rng.cc.
struct PhiloxState {
  uint64_t key;
  uint64_t low;
  uint64_t high;
  PhiloxState after(uint64_t blocks) const { return {key, low + blocks, high + (low + blocks < low ? 1 : 0)}; }
};

// As in base/random.cc, for kWide blocks from the state's on.
void make_blocks(const PhiloxState& state, std::array<Lanes, 4>& words) {
  for (size_t i = 0; i < kWide; ++i) {
    const PhiloxState at = state.after(i);
    words[0][i] = static_cast<uint32_t>(at.low);
    words[1][i] = static_cast<uint32_t>(at.low >> 32);
    words[2][i] = static_cast<uint32_t>(at.high);
    words[3][i] = static_cast<uint32_t>(at.high >> 32);
  }
  auto low_key = static_cast<uint32_t>(state.key);
  auto high_key = static_cast<uint32_t>(state.key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (size_t i = 0; i < kWide; ++i) {
      const uint64_t a = uint64_t{0xD2511F53} * words[0][i];
      const uint64_t b = uint64_t{0xCD9E8D57} * words[2][i];
      words[0][i] = static_cast<uint32_t>(b >> 32) ^ words[1][i] ^ low_key;
      words[1][i] = static_cast<uint32_t>(b);
      words[2][i] = static_cast<uint32_t>(a >> 32) ^ words[3][i] ^ high_key;
      words[3][i] = static_cast<uint32_t>(a);
    }
    low_key += 0x9E3779B9;
    high_key += 0xBB67AE85;
  }
}

class RandomBits : public Routine {
 public:
  explicit RandomBits(const Instruction& x) : has_high_(x.operand(0)->shape().dim(0) > 2) {
    const bool gives_state = x.shape().is_tuple();
    const Shape& shape = gives_state ? x.shape().element(1) : x.shape();
    result_ = gives_state ? 1 : 0;
    bytes_ = static_cast<size_t>(bytes_of(shape.type()));
    count_ = shape.element_count();
    const int64_t words = bytes_ == 8 ? 2 * count_ : count_;
    blocks_ = ceil_div(words, 4);
  }

  std::string describe() const override { return fmt::format("{} random numbers of {} bits", count_, 8 * bytes_); }

  void run(const Arrays& arrays, const ParallelLoop& loop) const override {
    PhiloxState state{};
    std::memcpy(&state.key, arrays.operands[0], 8);
    std::memcpy(&state.low, arrays.operands[0] + 8, 8);
    std::memcpy(&state.high, has_high_ ? arrays.operands[0] + 16 : arrays.operands[0], 8);
    const RowParts parts(ceil_div(blocks_, kWide), 4 * kWide);
    loop(parts.count(), [&](int64_t part) {
      std::array<Lanes, 4> words;
      for (int64_t at = parts.first(part); at < parts.end(part); ++at) {
        make_blocks(state.after(static_cast<uint64_t>(at) * kWide), words);
        write(words, static_cast<size_t>(at) * 4 * kWide, arrays.results[result_]);
      }
    });
    if (result_ == 0) return;
    const PhiloxState next = state.after(static_cast<uint64_t>(blocks_));
    std::memcpy(arrays.results[0], &next.key, 8);
    std::memcpy(arrays.results[0] + 8, &next.low, 8);
    if (has_high_) std::memcpy(arrays.results[0] + 16, &next.high, 8);
  }

 private:
  // The words from number `first` on, in the order of their blocks.
  void write(const std::array<Lanes, 4>& words, size_t first, std::byte* to) const {
    std::array<uint32_t, 4 * kWide> ordered;
    for (size_t i = 0; i < kWide; ++i) {
      for (size_t j = 0; j < 4; ++j) ordered[4 * i + j] = words[j][i];
    }
    const size_t size = std::min(bytes_, sizeof(uint32_t));  // of what is taken of each word
    const size_t all = static_cast<size_t>(count_) * (bytes_ == 8 ? 2 : 1);
    const size_t count = std::min(ordered.size(), all - first);
    if (size == sizeof(uint32_t)) {
      std::memcpy(to + first * size, ordered.data(), count * size);
    } else {
      for (size_t i = 0; i < count; ++i) std::memcpy(to + (first + i) * size, &ordered[i], size);
    }
  }

  bool has_high_;
  size_t result_;  // which of the results the numbers are
  size_t bytes_;   // of a number
  int64_t count_;
  int64_t blocks_;
};

}  // namespace

std::unique_ptr<Routine> make_random_bits(const Instruction& x) {
  const Shape& state = x.operand(0)->shape();
  const Shape& numbers = x.shape().is_tuple() ? x.shape().element(1) : x.shape();
  if (x.attrs<RngBitGeneratorAttrs>().algorithm == RngAlgorithm::rng_three_fry) return nullptr;
  if (state.type() != DType::u64 || state.rank() != 1 || state.dim(0) < 2) return nullptr;
  if (numbers.type() == DType::pred || bits_of(numbers.type()) < 8 || is_complex(numbers.type()) ||
      numbers.element_count() == 0)
    return nullptr;
  return std::make_unique<RandomBits>(x);
}

}  // namespace gshard::cpu
