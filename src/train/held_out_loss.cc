#include "train/held_out_loss.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace gshard {

// The last direction that begins no later than the pair.
HeldOutSums::Sums& HeldOutSums::sums_of(int64_t pair) {
  const auto& ranges = tokens_.directions();
  const auto behind = std::ranges::upper_bound(ranges, pair, {}, &TokenFile::DirectionRange::first);
  return directions_[static_cast<size_t>(behind - ranges.begin()) - 1];
}

void HeldOutSums::add(const Batch& batch, const NamedArrays& results) {
  const auto likelihoods = results.at("log_likelihood").values<float>();
  const auto is_right = results.at("is_right").values<uint8_t>();
  for (size_t i = 0; i < likelihoods.size(); ++i) {
    const auto segment = static_cast<size_t>(batch.target_segments[i]);
    if (segment == 0) continue;
    Sums& sums = sums_of(batch.numbers[i / static_cast<size_t>(batch.target_length)][segment - 1]);
    sums.log_likelihood += static_cast<double>(likelihoods[i]);
    sums.right += is_right[i];
    ++sums.tokens;
  }
}

HeldOutLoss HeldOutSums::mean() const {
  HeldOutLoss mean;
  Sums all;
  for (size_t d = 0; d < directions_.size(); ++d) {
    const Sums& own = directions_[d];
    if (own.tokens == 0) continue;
    mean.directions.push_back({tokens_.directions()[d].direction.name(), own.loss()});
    all.log_likelihood += own.log_likelihood;
    all.right += own.right;
    all.tokens += own.tokens;
  }
  if (all.tokens == 0) throw Error::program(fmt::format("{}: it has no pairs to evaluate on", tokens_.path()));
  mean.loss = all.loss();
  mean.accuracy = static_cast<double>(all.right) / static_cast<double>(all.tokens);
  return mean;
}

}  // namespace gshard
