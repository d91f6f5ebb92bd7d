// Packing: several short pairs share a row, so that little of it is padding.
//
//   row 0:  source  [ a a a a | b b b | c c . ]      segments  1 1 1 1 2 2 2 3 3 0
//           target  [ a a a | b b b b | c . . ]
//
// A row has room for so many source and so many target tokens; a pair takes both. The pair that waits longest opens a
// row, so that none waits for ever; the row is then filled with those that use the room left best.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "corpus/token_file.h"

namespace gshard {

struct PackedPair {
  int64_t pair;
  TokenFile::Lengths lengths;
};

using PackedRow = std::vector<PackedPair>;

// Pairs that wait for a row, in the order in which they came.
class Packer {
 public:
  explicit Packer(TokenFile::Lengths room) : room_(room) {}

  void add(const PackedPair& pair) { waiting_.push_back(pair); }
  size_t waiting() const { return waiting_.size(); }
  // The next row; empty where nothing waits. No pair may be larger than a row.
  PackedRow next_row();

  const std::vector<PackedPair>& pairs() const { return waiting_; }
  void clear() { waiting_.clear(); }

 private:
  // The pair that fills `left` best, or none that fits.
  std::vector<PackedPair>::iterator best_for(TokenFile::Lengths left);

  TokenFile::Lengths room_;
  std::vector<PackedPair> waiting_;
};

}  // namespace gshard
