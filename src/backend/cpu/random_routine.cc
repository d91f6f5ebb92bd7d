#include "backend/cpu/random_routine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/ceil_div.h"
#include "eval/rng.h"

namespace gshard::cpu {
namespace {

// Blocks that are made together, so that their words are lanes of vectors.
constexpr size_t kWide = 16;
using Lanes = std::array<uint32_t, kWide>;

// ---- words in blocks --------------------------------------------------------------------------------------------

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

// Threefry2x32 as in base/random.cc, for kWide blocks whose counters go up from `counter`.
void make_pairs(uint64_t key, uint64_t counter, Lanes& first, Lanes& second) {
  constexpr int kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const auto low_key = static_cast<uint32_t>(key);
  const auto high_key = static_cast<uint32_t>(key >> 32);
  const uint32_t keys[3] = {low_key, high_key, 0x1BD11BDA ^ low_key ^ high_key};
  for (size_t i = 0; i < kWide; ++i) {
    first[i] = static_cast<uint32_t>(counter + i) + keys[0];
    second[i] = static_cast<uint32_t>((counter + i) >> 32) + keys[1];
  }
  for (uint32_t group = 0; group < 5; ++group) {
    for (const int rotation : kRotations[group % 2]) {
      for (size_t i = 0; i < kWide; ++i) {
        first[i] += second[i];
        second[i] = std::rotl(second[i], rotation) ^ first[i];
      }
    }
    for (size_t i = 0; i < kWide; ++i) {
      first[i] += keys[(group + 1) % 3];
      second[i] += keys[(group + 2) % 3] + group + 1;
    }
  }
}

// ---- their places in arrays -------------------------------------------------------------------------------------

class RandomBits : public Routine {
 public:
  explicit RandomBits(const Instruction& x) {
    const bool gives_state = x.shape().is_tuple();
    const Shape& shape = gives_state ? x.shape().element(1) : x.shape();
    result_ = gives_state ? 1 : 0;
    bytes_ = static_cast<size_t>(bytes_of(shape.type()));
    count_ = shape.element_count();
  }

  std::string describe() const override { return fmt::format("{} random numbers of {} bits", count_, 8 * bytes_); }

 protected:
  std::byte* numbers(const Arrays& arrays) const { return arrays.results[result_]; }

  // Null where the state is not given back.
  std::byte* next_state(const Arrays& arrays) const { return result_ == 0 ? nullptr : arrays.results[0]; }

  // Of what is taken of each word; a number of 64 bits takes two.
  size_t bytes_of_word() const { return std::min(bytes_, sizeof(uint32_t)); }
  int64_t word_count() const { return bytes_ == 8 ? 2 * count_ : count_; }

 private:
  size_t result_;  // which of the results the numbers are
  size_t bytes_;   // of a number
  int64_t count_;
};

// Blocks of four words, one after the other.
class PhiloxBits : public RandomBits {
 public:
  explicit PhiloxBits(const Instruction& x)
      : RandomBits(x), has_high_(x.operand(0)->shape().dim(0) > 2), blocks_(ceil_div(word_count(), 4)) {}

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
        write(words, static_cast<size_t>(at) * 4 * kWide, numbers(arrays));
      }
    });
    std::byte* to = next_state(arrays);
    if (to == nullptr) return;
    const PhiloxState next = state.after(static_cast<uint64_t>(blocks_));
    std::memcpy(to, &next.key, 8);
    std::memcpy(to + 8, &next.low, 8);
    if (has_high_) std::memcpy(to + 16, &next.high, 8);
  }

 private:
  // The words from number `first` on, in the order of their blocks.
  void write(const std::array<Lanes, 4>& words, size_t first, std::byte* to) const {
    std::array<uint32_t, 4 * kWide> ordered;
    for (size_t i = 0; i < kWide; ++i) {
      for (size_t j = 0; j < 4; ++j) ordered[4 * i + j] = words[j][i];
    }
    const size_t size = bytes_of_word();
    const size_t count = std::min(ordered.size(), static_cast<size_t>(word_count()) - first);
    if (size == sizeof(uint32_t)) {
      std::memcpy(to + first * size, ordered.data(), count * size);
    } else {
      for (size_t i = 0; i < count; ++i) std::memcpy(to + (first + i) * size, &ordered[i], size);
    }
  }

  bool has_high_;
  int64_t blocks_;
};

// Blocks of two words, `inner` words apart: those of a number of 64 bits, or of two rows of the dimension that is split.
class ThreefryBits : public RandomBits {
 public:
  explicit ThreefryBits(const Instruction& x) : RandomBits(x) {
    const Shape& shape = x.shape().is_tuple() ? x.shape().element(1) : x.shape();
    split_ = threefry_split(shape);
    blocks_ = split_.block_count();
  }

  void run(const Arrays& arrays, const ParallelLoop& loop) const override {
    uint64_t key = 0;
    uint64_t counter = 0;
    std::memcpy(&key, arrays.operands[0], 8);
    std::memcpy(&counter, arrays.operands[0] + 8, 8);
    const RowParts parts(ceil_div(blocks_, kWide), 2 * kWide);
    loop(parts.count(), [&](int64_t part) {
      Lanes first;
      Lanes second;
      for (int64_t at = parts.first(part); at < parts.end(part); ++at) {
        const int64_t block = at * static_cast<int64_t>(kWide);
        make_pairs(key, counter + static_cast<uint64_t>(block), first, second);
        write(first, second, block, numbers(arrays));
      }
    });
    std::byte* to = next_state(arrays);
    if (to == nullptr) return;
    counter += static_cast<uint64_t>(blocks_);
    std::memcpy(to, &key, 8);
    std::memcpy(to + 8, &counter, 8);
  }

 private:
  void write(const Lanes& first, const Lanes& second, int64_t block, std::byte* to) const {
    switch (bytes_of_word()) {
      case 1:
        return write_words<1>(first, second, block, to);
      case 2:
        return write_words<2>(first, second, block, to);
      default:
        return write_words<4>(first, second, block, to);
    }
  }

  template <size_t kBytes>
  void write_words(const Lanes& first, const Lanes& second, int64_t block, std::byte* to) const {
    const int64_t count = std::min(static_cast<int64_t>(kWide), blocks_ - block);
    const bool is_odd = split_.size % 2 != 0;  // then the last row of a group stands alone
    int64_t column = block % split_.inner;
    int64_t pair = block / split_.inner % split_.pairs();
    int64_t at = split_.first_word(block);
    for (int64_t i = 0; i < count; ++i) {
      const bool stands_alone = is_odd && pair + 1 == split_.pairs();
      std::memcpy(to + static_cast<size_t>(at) * kBytes, &first[static_cast<size_t>(i)], kBytes);
      if (!stands_alone) {
        std::memcpy(to + static_cast<size_t>(at + split_.inner) * kBytes, &second[static_cast<size_t>(i)], kBytes);
      }
      ++at;
      if (++column < split_.inner) continue;
      column = 0;
      if (!stands_alone) at += split_.inner;
      pair = pair + 1 == split_.pairs() ? 0 : pair + 1;
    }
  }

  ThreefrySplit split_;
  int64_t blocks_;
};

}  // namespace

std::unique_ptr<Routine> make_random_bits(const Instruction& x) {
  const Shape& state = x.operand(0)->shape();
  const Shape& numbers = x.shape().is_tuple() ? x.shape().element(1) : x.shape();
  if (state.type() != DType::u64 || state.rank() != 1 || state.dim(0) < 2) return nullptr;
  if (numbers.type() == DType::pred || bits_of(numbers.type()) < 8 || is_complex(numbers.type()) ||
      numbers.element_count() == 0)
    return nullptr;
  if (x.attrs<RngBitGeneratorAttrs>().algorithm == RngAlgorithm::rng_three_fry) return std::make_unique<ThreefryBits>(x);
  return std::make_unique<PhiloxBits>(x);
}

}  // namespace gshard::cpu
