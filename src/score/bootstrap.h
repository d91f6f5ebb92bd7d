// How far a score would move with other test sentences: bootstrap over clusters.
//
// The same English sentence is tested in many languages, so rows are not independent: what is drawn again and again is
// the distinct target sentence with all its rows.
//
//   const Clusters clusters(references);                 // rows with the same reference are one cluster
//   bleu_with_interval(clusters, counts_of_rows, seed);  // the score, and where 95 % of the resampled scores lie
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "score/bleu.h"
#include "score/chrf.h"

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

// The counts of the rows of each cluster.
std::vector<BleuCounts> by_cluster(const Clusters& clusters, const std::vector<BleuCounts>& rows);
std::vector<ChrfCounts> by_cluster(const Clusters& clusters, const std::vector<ChrfCounts>& rows);
// The score with each cluster counted so often.
double weighted_bleu(const std::vector<BleuCounts>& clusters, const std::vector<int64_t>& times);
double weighted_chrf(const std::vector<ChrfCounts>& clusters, const std::vector<int64_t>& times);

struct ScoredInterval {
  double score = 0;
  Interval interval;
};

// `score` with each cluster once, and its interval.
ScoredInterval score_with_interval(const Clusters& clusters, uint64_t seed,
                                   const std::function<double(const std::vector<int64_t>&)>& score);
ScoredInterval bleu_with_interval(const Clusters& clusters, const std::vector<BleuCounts>& rows, uint64_t seed);
ScoredInterval chrf_with_interval(const Clusters& clusters, const std::vector<ChrfCounts>& rows, uint64_t seed);
// Of two systems on the same rows: first - second, resampled together.
ScoredInterval bleu_difference(const Clusters& clusters, const std::vector<BleuCounts>& first,
                               const std::vector<BleuCounts>& second, uint64_t seed);
ScoredInterval chrf_difference(const Clusters& clusters, const std::vector<ChrfCounts>& first,
                               const std::vector<ChrfCounts>& second, uint64_t seed);

}  // namespace gshard
