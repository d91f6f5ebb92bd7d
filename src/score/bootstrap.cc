#include "score/bootstrap.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/random.h"

namespace gshard {
namespace {

constexpr double kOutside = 0.025;  // at either end

template <class Counts>
std::vector<Counts> sum_by_cluster(const Clusters& clusters, const std::vector<Counts>& rows) {
  GSHARD_CHECK(rows.size() == clusters.rows());
  std::vector<Counts> sums(clusters.size());
  for (size_t row = 0; row < rows.size(); ++row) sums[clusters.of_row(row)].add(rows[row]);
  return sums;
}

template <class Counts>
Counts weighted_sum(const std::vector<Counts>& clusters, const std::vector<int64_t>& times) {
  Counts sum;
  for (size_t i = 0; i < clusters.size(); ++i) {
    for (int64_t n = 0; n < times[i]; ++n) sum.add(clusters[i]);
  }
  return sum;
}

}  // namespace

Clusters::Clusters(const std::vector<std::string>& keys) {
  std::unordered_map<std::string, size_t> numbers;
  for (const std::string& key : keys) cluster_of_.push_back(numbers.try_emplace(key, numbers.size()).first->second);
  size_ = numbers.size();
}

std::vector<int64_t> Clusters::draw(uint64_t seed, int resample) const {
  std::vector<int64_t> times(size_, 0);
  const uint64_t key = random_bits(seed, static_cast<uint64_t>(resample));
  for (uint64_t i = 0; i < size_; ++i) ++times[random_bits(key, i) % size_];
  return times;
}

Interval bootstrap(const Clusters& clusters, uint64_t seed,
                   const std::function<double(const std::vector<int64_t>&)>& score) {
  if (clusters.size() == 0) return {};
  std::vector<double> scores;
  for (int i = 0; i < kResamples; ++i) scores.push_back(score(clusters.draw(seed, i)));
  std::sort(scores.begin(), scores.end());
  const auto outside = static_cast<size_t>(kOutside * kResamples);
  return {scores[outside], scores[scores.size() - 1 - outside]};
}

std::vector<BleuCounts> by_cluster(const Clusters& clusters, const std::vector<BleuCounts>& rows) {
  return sum_by_cluster(clusters, rows);
}

std::vector<ChrfCounts> by_cluster(const Clusters& clusters, const std::vector<ChrfCounts>& rows) {
  return sum_by_cluster(clusters, rows);
}

double weighted_bleu(const std::vector<BleuCounts>& clusters, const std::vector<int64_t>& times) {
  return bleu(weighted_sum(clusters, times));
}

double weighted_chrf(const std::vector<ChrfCounts>& clusters, const std::vector<int64_t>& times) {
  return chrf(weighted_sum(clusters, times));
}

ScoredInterval score_with_interval(const Clusters& clusters, uint64_t seed,
                                   const std::function<double(const std::vector<int64_t>&)>& score) {
  return {score(std::vector<int64_t>(clusters.size(), 1)), bootstrap(clusters, seed, score)};
}

ScoredInterval bleu_with_interval(const Clusters& clusters, const std::vector<BleuCounts>& rows, uint64_t seed) {
  const std::vector<BleuCounts> sums = by_cluster(clusters, rows);
  return score_with_interval(clusters, seed, [&](const auto& times) { return weighted_bleu(sums, times); });
}

ScoredInterval chrf_with_interval(const Clusters& clusters, const std::vector<ChrfCounts>& rows, uint64_t seed) {
  const std::vector<ChrfCounts> sums = by_cluster(clusters, rows);
  return score_with_interval(clusters, seed, [&](const auto& times) { return weighted_chrf(sums, times); });
}

ScoredInterval bleu_difference(const Clusters& clusters, const std::vector<BleuCounts>& first,
                               const std::vector<BleuCounts>& second, uint64_t seed) {
  const std::vector<BleuCounts> a = by_cluster(clusters, first), b = by_cluster(clusters, second);
  return score_with_interval(clusters, seed,
                             [&](const auto& times) { return weighted_bleu(a, times) - weighted_bleu(b, times); });
}

ScoredInterval chrf_difference(const Clusters& clusters, const std::vector<ChrfCounts>& first,
                               const std::vector<ChrfCounts>& second, uint64_t seed) {
  const std::vector<ChrfCounts> a = by_cluster(clusters, first), b = by_cluster(clusters, second);
  return score_with_interval(clusters, seed,
                             [&](const auto& times) { return weighted_chrf(a, times) - weighted_chrf(b, times); });
}

}  // namespace gshard
