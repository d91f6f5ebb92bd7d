#include "corpus/packing.h"

#include <algorithm>

#include "base/error.h"

namespace gshard {

std::vector<PackedPair>::iterator Packer::best_for(TokenFile::Lengths left) {
  auto best = waiting_.end();
  double best_value = 0;
  for (auto pair = waiting_.begin(); pair != waiting_.end(); ++pair) {
    if (pair->lengths.source > left.source || pair->lengths.target > left.target) continue;
    // Large pairs first, and of these the ones that are long on the side where more room is left.
    const auto part = [](int64_t length, int64_t room, int64_t whole) {
      return static_cast<double>(length) * static_cast<double>(room) / static_cast<double>(whole * whole);
    };
    const double value =
        part(pair->lengths.source, left.source, room_.source) + part(pair->lengths.target, left.target, room_.target);
    if (value <= best_value) continue;
    best = pair;
    best_value = value;
  }
  return best;
}

PackedRow Packer::next_row() {
  PackedRow row;
  TokenFile::Lengths left = room_;
  for (auto pair = waiting_.begin(); pair != waiting_.end(); pair = best_for(left)) {
    GSHARD_CHECK(pair->lengths.source <= left.source && pair->lengths.target <= left.target);
    left.source -= pair->lengths.source;
    left.target -= pair->lengths.target;
    row.push_back(*pair);
    waiting_.erase(pair);
  }
  return row;
}

}  // namespace gshard
