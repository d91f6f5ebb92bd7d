// The order in which training sees the pairs of a token file.
//
//   Sampler sampler(tokens, {.seed = 1, .temperature = 5, .longest = {96, 64}});
//   const int64_t pair = sampler.next();
//
// Each draw takes a direction with p proportional to n^(1/temperature), and of it the next pair of a shuffled order, a
// new one each time around. Both are functions of the seed and of counters alone: a position is a few numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "corpus/token_file.h"

namespace gshard {

// The order of 0..size-1 that belongs to a key, one place at a time and without a table.
class Permutation {
 public:
  Permutation(uint64_t key, uint64_t size);
  uint64_t operator()(uint64_t place) const;

 private:
  uint64_t key_;
  uint64_t size_;
  int half_bits_ = 1;
};

// What becomes of pairs with a side longer than a row.
enum class LongPairs { drop, cut };

// Whether a list of directions names this one; an empty list stands for all that there are.
bool is_wanted(const LanguagePair& direction, const std::vector<LanguagePair>& wanted);
// How many pairs the file has of the wanted directions.
int64_t pairs_of(const TokenFile& tokens, const std::vector<LanguagePair>& wanted);

// Of each count n^(1/temperature), by which the largest has 1; an empty one has 0. Any temperature above 0 will do.
std::vector<double> sampling_weights(const std::vector<int64_t>& counts, double temperature);

struct SamplerOptions {
  uint64_t seed = 0;
  double temperature = 5;
  TokenFile::Lengths longest{96, 64};
  LongPairs long_pairs = LongPairs::drop;
  std::vector<LanguagePair> directions = {};  // that are drawn; all where it is empty
};

class Sampler {
 public:
  struct Position {
    uint64_t draws = 0;
    std::vector<uint64_t> taken;  // by direction of the file, also of those that are not drawn

    bool operator==(const Position&) const = default;
  };

  // Reads the index of the wanted directions once. Throws Error(program) where none of their pairs is short enough.
  Sampler(const TokenFile& tokens, const SamplerOptions& options);

  int64_t next();
  // Of a pair as training sees it: cut where long pairs are cut.
  TokenFile::Lengths lengths(int64_t pair) const;

  const Position& position() const { return position_; }
  // A position of a sampler of the same file.
  void go_to(const Position& position);

  // Pairs of the wanted directions with a side longer than a row: dropped or cut, as the options say.
  int64_t long_pairs() const { return long_pairs_; }

 private:
  // Of a direction, those that may be drawn; counts the long ones.
  int64_t count_usable(const TokenFile::DirectionRange& range);
  bool fits(int64_t pair) const;

  const TokenFile& tokens_;
  SamplerOptions options_;
  std::vector<double> bounds_;  // running sums of the directions' chances
  int64_t long_pairs_ = 0;
  Position position_;
};

}  // namespace gshard
