#include "corpus/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace gshard {
namespace {

constexpr int kRounds = 4;

// Streams of random bits that must have nothing to do with each other.
enum class Stream : uint64_t { direction = 1, order };

uint64_t key_of(uint64_t seed, Stream stream, uint64_t direction, uint64_t round) {
  return random_bits(random_bits(seed, static_cast<uint64_t>(stream)) ^ direction, round);
}

}  // namespace

Permutation::Permutation(uint64_t key, uint64_t size) : key_(key), size_(size) {
  GSHARD_CHECK(size > 0);
  half_bits_ = std::max(1, (static_cast<int>(std::bit_width(size - 1)) + 1) / 2);
}

// A Feistel network over the next power of four; places beyond the size are sent on until they come back.
uint64_t Permutation::operator()(uint64_t place) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  do {
    uint64_t left = place >> half_bits_;
    uint64_t right = place & mask;
    for (uint64_t round = 0; round < kRounds; ++round) {
      const uint64_t mixed = left ^ (random_bits(key_ + round, right) & mask);
      left = right;
      right = mixed;
    }
    place = left << half_bits_ | right;
  } while (place >= size_);
  return place;
}

bool is_wanted(const LanguagePair& direction, const std::vector<LanguagePair>& wanted) {
  return wanted.empty() || std::ranges::find(wanted, direction) != wanted.end();
}

int64_t pairs_of(const TokenFile& tokens, const std::vector<LanguagePair>& wanted) {
  int64_t pairs = 0;
  for (const auto& range : tokens.directions()) pairs += is_wanted(range.direction, wanted) ? range.count : 0;
  return pairs;
}

std::vector<double> sampling_weights(const std::vector<int64_t>& counts, double temperature) {
  const int64_t largest = counts.empty() ? 0 : std::ranges::max(counts);
  std::vector<double> weights;
  for (const int64_t count : counts) {
    const double part = static_cast<double>(count) / static_cast<double>(std::max<int64_t>(largest, 1));
    weights.push_back(count > 0 ? std::pow(part, 1 / temperature) : 0);
  }
  return weights;
}

// A direction that is not wanted keeps its place, with the bound of the one before: no draw falls between the two.
Sampler::Sampler(const TokenFile& tokens, const SamplerOptions& options) : tokens_(tokens), options_(options) {
  std::vector<int64_t> usable;
  for (const auto& range : tokens.directions()) {
    usable.push_back(is_wanted(range.direction, options.directions) ? count_usable(range) : 0);
  }
  double total = 0;
  for (const double weight : sampling_weights(usable, options.temperature)) bounds_.push_back(total += weight);
  if (total == 0) {
    throw Error::program(fmt::format(
        "{}: none of its {} pairs has at most {} source and {} target tokens; allow longer rows", tokens.path(),
        pairs_of(tokens, options.directions), options.longest.source, options.longest.target));
  }
  position_.taken.resize(bounds_.size());
}

int64_t Sampler::count_usable(const TokenFile::DirectionRange& range) {
  int64_t fitting = 0;
  for (int64_t pair = range.first; pair < range.first + range.count; ++pair) fitting += fits(pair) ? 1 : 0;
  long_pairs_ += range.count - fitting;
  return options_.long_pairs == LongPairs::cut ? range.count : fitting;
}

bool Sampler::fits(int64_t pair) const {
  const TokenFile::Lengths lengths = tokens_.lengths(pair);
  return lengths.source <= options_.longest.source && lengths.target <= options_.longest.target;
}

TokenFile::Lengths Sampler::lengths(int64_t pair) const {
  const TokenFile::Lengths lengths = tokens_.lengths(pair);
  return {std::min(lengths.source, options_.longest.source), std::min(lengths.target, options_.longest.target)};
}

int64_t Sampler::next() {
  const uint64_t bits = random_bits(key_of(options_.seed, Stream::direction, 0, 0), position_.draws++);
  // Rounding must not reach the end, behind which there is no direction.
  const double at = std::min(unit_interval(bits) * bounds_.back(), std::nextafter(bounds_.back(), 0));
  const auto found = std::upper_bound(bounds_.begin(), bounds_.end(), at);
  const auto direction = static_cast<size_t>(found - bounds_.begin());
  const auto& range = tokens_.directions()[direction];
  const auto count = static_cast<uint64_t>(range.count);
  while (true) {
    const uint64_t taken = position_.taken[direction]++;
    const Permutation order(key_of(options_.seed, Stream::order, direction, taken / count), count);
    const int64_t pair = range.first + static_cast<int64_t>(order(taken % count));
    if (options_.long_pairs == LongPairs::cut || fits(pair)) return pair;
  }
}

void Sampler::go_to(const Position& position) {
  GSHARD_CHECK(position.taken.size() == bounds_.size());
  position_ = position;
}

}  // namespace gshard
