#include "score/bootstrap.h"

#include <algorithm>
#include <unordered_map>

#include "base/random.h"

namespace gshard {
namespace {

constexpr double kOutside = 0.025;  // at either end

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

ScoredInterval score_with_interval(const Clusters& clusters, uint64_t seed,
                                   const std::function<double(const std::vector<int64_t>&)>& score) {
  return {score(std::vector<int64_t>(clusters.size(), 1)), bootstrap(clusters, seed, score)};
}

}  // namespace gshard
