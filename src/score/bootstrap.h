// How far a score would move with other test sentences: bootstrap over clusters.
//
// The same English sentence is tested in many languages, so rows are not independent: what is drawn again and again is
// the distinct target sentence with all its rows.
//
//   const Clusters clusters(references);          // rows with the same reference are one cluster
//   score_with_interval(clusters, seed, score);   // the score, and where 95 % of the resampled scores lie
//
// Two systems are compared by a score that is the difference of theirs: both then are resampled together.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace gshard {

struct Interval {
  double low = 0;
  double high = 0;
};

inline constexpr int kResamples = 1000;

// Rows by cluster.
class Clusters {
 public:
  // Rows with equal keys are one cluster.
  explicit Clusters(const std::vector<std::string>& keys);
  size_t rows() const { return cluster_of_.size(); }
  size_t size() const { return size_; }
  size_t of_row(size_t row) const { return cluster_of_[row]; }
  // How often each cluster is drawn in the resample of this number; as many are drawn as there are.
  std::vector<int64_t> draw(uint64_t seed, int resample) const;

 private:
  std::vector<size_t> cluster_of_;
  size_t size_ = 0;
};

// The middle 95 % of `score` over resamples; its argument says how often each cluster counts.
Interval bootstrap(const Clusters& clusters, uint64_t seed,
                   const std::function<double(const std::vector<int64_t>&)>& score);

struct ScoredInterval {
  double score = 0;
  Interval interval;
};

// `score` with each cluster once, and its interval.
ScoredInterval score_with_interval(const Clusters& clusters, uint64_t seed,
                                   const std::function<double(const std::vector<int64_t>&)>& score);

}  // namespace gshard
