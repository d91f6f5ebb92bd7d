#include "decode/beam_search.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/error.h"
#include "corpus/vocabulary.h"

namespace gshard {

double normalized_score(double log_probability, int64_t length, double alpha) {
  return log_probability / std::pow((5.0 + static_cast<double>(length)) / 6.0, alpha);
}

BeamSearch::BeamSearch(const SearchOptions& options, int64_t longest)
    : options_(options), longest_(longest), texts_(1) {
  GSHARD_CHECK(options.beam > 0 && longest > 0);
}

void BeamSearch::put_tokens(std::span<int32_t> tokens) const {
  std::ranges::fill(tokens, kPadding);
  if (is_done_) return;
  for (size_t n = 0; n < texts_.size(); ++n) tokens[n] = texts_[n].tokens.empty() ? kBegin : texts_[n].tokens.back();
}

void BeamSearch::mark_seen(std::span<uint8_t> seen, int64_t width) const {
  if (is_done_) return;
  for (size_t n = 0; n < texts_.size(); ++n) {
    const auto row = seen.subspan(n * static_cast<size_t>(width), static_cast<size_t>(width));
    const auto beam = static_cast<size_t>(options_.beam);
    const std::vector<int32_t>& slots = texts_[n].slots;
    for (size_t t = 0; t < slots.size(); ++t) row[t * beam + static_cast<size_t>(slots[t])] = 1;
    row[slots.size() * beam + n] = 1;
  }
}

std::vector<BeamSearch::Candidate> BeamSearch::candidates(std::span<const NextTokens> next) const {
  std::vector<Candidate> all;
  for (size_t n = 0; n < texts_.size(); ++n) {
    const Text& text = texts_[n];
    all.push_back({text.log_probability + next[n].end, n, kEnd});
    if (static_cast<int64_t>(text.tokens.size()) == longest_) continue;
    for (size_t i = 0; i < next[n].tokens.size(); ++i) {
      all.push_back({text.log_probability + next[n].log_probabilities[i], n, next[n].tokens[i]});
    }
  }
  std::ranges::sort(all, [](const Candidate& a, const Candidate& b) {
    return std::tuple(-a.log_probability, a.text, a.token) < std::tuple(-b.log_probability, b.text, b.token);
  });
  return all;
}

void BeamSearch::end(const Candidate& candidate, const NextTokens& next) {
  const std::vector<int32_t>& tokens = texts_[candidate.text].tokens;
  const auto length = static_cast<int64_t>(tokens.size());
  const bool wants_more = !next.log_probabilities.empty() && next.log_probabilities[0] > next.end;
  done_.push_back({tokens, candidate.log_probability,
                   normalized_score(candidate.log_probability, length + 1, options_.alpha),
                   length == longest_ && wants_more});
}

BeamSearch::Text BeamSearch::lengthened(const Candidate& candidate) const {
  Text text = texts_[candidate.text];
  text.tokens.push_back(candidate.token);
  text.slots.push_back(static_cast<int32_t>(candidate.text));
  text.log_probability = candidate.log_probability;
  return text;
}

void BeamSearch::advance(std::span<const NextTokens> next) {
  GSHARD_CHECK(!is_done_);
  const auto beam = static_cast<size_t>(options_.beam);
  std::vector<Text> longer;
  size_t rank = 0;
  for (const Candidate& candidate : candidates(next)) {
    if (candidate.token == kEnd) {
      if (rank < beam) end(candidate, next[candidate.text]);
    } else if (longer.size() < beam) {
      longer.push_back(lengthened(candidate));
    }
    ++rank;
  }
  is_done_ = done_.size() >= beam || longer.empty();
  texts_ = std::move(longer);
}

std::vector<Hypothesis> BeamSearch::best() const {
  std::vector<Hypothesis> best = done_;
  std::ranges::stable_sort(best, std::ranges::greater(), &Hypothesis::score);
  if (best.size() > static_cast<size_t>(options_.beam)) best.resize(static_cast<size_t>(options_.beam));
  return best;
}

}  // namespace gshard
