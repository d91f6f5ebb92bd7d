#include "corpus/repeat_limit.h"

#include <algorithm>

namespace gshard {
namespace {

uint64_t target_of(const TextPair& pair) { return fingerprint(pair.target_language + '\t' + pair.target); }

uint64_t rank_of(const TextPair& pair) {
  return fingerprint(pair.source_language + '\t' + pair.source + '\t' + pair.target);
}

}  // namespace

void RepeatLimit::note(const TextPair& pair) {
  if (most_ == 0) return;
  std::vector<uint64_t>& lowest = lowest_[target_of(pair)];
  const uint64_t rank = rank_of(pair);
  lowest.insert(std::upper_bound(lowest.begin(), lowest.end(), rank), rank);
  if (lowest.size() > most_) lowest.pop_back();
}

bool RepeatLimit::keeps(const TextPair& pair) const {
  if (most_ == 0) return true;
  const auto found = lowest_.find(target_of(pair));
  return found != lowest_.end() && rank_of(pair) <= found->second.back();
}

}  // namespace gshard
