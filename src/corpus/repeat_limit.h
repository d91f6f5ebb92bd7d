// How often the same target sentence may train. Text that was translated into many languages has every target as often
// as it has languages, and a model of it learns the targets by heart (docs/results.md).
//
//   RepeatLimit limit(1);
//   for (pair : pairs) limit.note(pair);
//   for (pair : pairs) if (limit.keeps(pair)) train.push_back(pair);
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "corpus/text_pair.h"

namespace gshard {

// Of the pairs with one target it keeps those with the lowest fingerprints of language and source, so that each of its
// languages is as likely as any other and the order of the files does not matter. In memory are 8 bytes a pair that is
// kept and about 64 a target.
class RepeatLimit {
 public:
  // `most` pairs of each target; all of them where it is 0.
  explicit RepeatLimit(int64_t most) : most_(static_cast<size_t>(most)) {}

  void note(const TextPair& pair);
  // Of pairs that were noted.
  bool keeps(const TextPair& pair) const;

 private:
  size_t most_;
  std::unordered_map<uint64_t, std::vector<uint64_t>> lowest_;  // by target: of its pairs, sorted
};

}  // namespace gshard
