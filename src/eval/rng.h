// Where the words of random blocks stand in arrays.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ir/shape.h"

namespace gshard {

// How rng-bit-generator lays out Threefry's blocks of two words: an array [outer, size, inner] of words is split along its
// middle dimension into pairs of rows, and a block has the words of both at one place. Blocks run over groups, pairs and places
// within a row; of an odd size the last row has blocks of its own, whose second words are dropped.
struct ThreefrySplit {
  int64_t outer = 1;
  int64_t size = 1;
  int64_t inner = 1;

  int64_t pairs() const { return (size + 1) / 2; }
  int64_t block_count() const { return outer * pairs() * inner; }
  // Where the first word of a block goes; the second goes `inner` words further, if there is such a row.
  int64_t first_word(int64_t block) const {
    const int64_t line = block / inner;
    return (line / pairs() * size + line % pairs() * 2) * inner + block % inner;
  }
};

// The dimension along which arrays of fewer bits are split: the first of an even size, or the largest.
size_t threefry_split_dim(const Dims& dims);

// Numbers of 64 bits take the two words of a block each.
ThreefrySplit threefry_split(const Shape& numbers);

}  // namespace gshard
