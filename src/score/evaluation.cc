#include "score/evaluation.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "corpus/sha256.h"

namespace gshard {
namespace {

constexpr uint64_t kSeed = 0;

// Sentences for thirds stand in so many directions, or in five of six where there are fewer.
constexpr size_t kWantedDirections = 25;

std::vector<RowGroup> grouped(const std::vector<EvaluatedRow>& rows,
                              const std::function<std::string(const TextPair&)>& name_of) {
  std::map<std::string, std::vector<size_t>> groups;
  for (size_t row = 0; row < rows.size(); ++row) groups[name_of(rows[row].pair)].push_back(row);
  std::vector<RowGroup> sorted;
  for (auto& [name, members] : groups) sorted.push_back({name, std::move(members)});
  return sorted;
}

// The rows of some groups with the cluster of each, for drawing clusters again and again.
class Sample {
 public:
  Sample(const std::vector<EvaluatedRow>& rows, const std::vector<RowGroup>& groups)
      : groups_(groups), clusters_(targets_of(rows, groups)) {}

  const Clusters& clusters() const { return clusters_; }

  // The mean over the groups of the score of their counts, each row as often as its cluster is drawn.
  template <class Counts, class CountsOf>
  double mean(const std::vector<int64_t>& times, double (*score)(const Counts&), const CountsOf& counts_of) const {
    double total = 0;
    size_t at = 0;
    for (const RowGroup& group : groups_) {
      Counts sum;
      for (const size_t row : group.rows) {
        for (int64_t n = times[clusters_.of_row(at)]; n > 0; --n) sum.add(counts_of(row));
        ++at;
      }
      total += score(sum);
    }
    return total / static_cast<double>(groups_.size());
  }

 private:
  static std::vector<std::string> targets_of(const std::vector<EvaluatedRow>& rows,
                                             const std::vector<RowGroup>& groups) {
    std::vector<std::string> targets;
    for (const RowGroup& group : groups) {
      for (const size_t row : group.rows) targets.push_back(rows[row].pair.target);
    }
    return targets;
  }

  const std::vector<RowGroup>& groups_;
  Clusters clusters_;
};

std::string sha256_of(const std::vector<EvaluatedRow>& rows, const std::vector<RowGroup>& groups) {
  Sha256 hash;
  for (const RowGroup& group : groups) {
    for (const size_t row : group.rows) hash.add(row_of(rows[row].pair));
  }
  return to_hex(hash.digest());
}

// The rows whose target stands in so many directions at least.
std::set<size_t> shared_rows(const std::vector<EvaluatedRow>& rows, size_t least) {
  std::map<std::string, std::set<std::string>> directions;
  for (const EvaluatedRow& row : rows) directions[row.pair.target].insert(direction_of(row.pair).name());
  std::set<size_t> shared;
  for (size_t row = 0; row < rows.size(); ++row) {
    if (directions.at(rows[row].pair.target).size() >= least) shared.insert(row);
  }
  return shared;
}

}  // namespace

Evaluation::Evaluation(std::vector<EvaluatedRow> rows) : rows_(std::move(rows)), counts_(rows_.size()) {
  for (size_t i = 0; i < rows_.size(); ++i) {
    const EvaluatedRow& row = rows_[i];
    const std::string* answers[kSystems] = {&row.hypothesis, &row.pair.source, &row.nearest};
    for (size_t system = 0; system < kSystems; ++system) {
      counts_[i].bleu[system] = bleu_counts(*answers[system], row.pair.target);
      counts_[i].chrf[system] = chrf_counts(*answers[system], row.pair.target);
    }
  }
}

std::vector<RowGroup> Evaluation::directions() const {
  return grouped(rows_, [](const TextPair& pair) { return direction_of(pair).name(); });
}

std::vector<RowGroup> Evaluation::origins() const {
  return grouped(rows_, [](const TextPair& pair) { return pair.origin; });
}

GroupScores Evaluation::average(const std::string& name, const std::vector<RowGroup>& groups) const {
  GSHARD_CHECK(!groups.empty());
  const Sample sample(rows_, groups);
  const auto bleu_of = [&](size_t system, const std::vector<int64_t>& times) {
    return sample.mean(times, bleu, [&](size_t row) -> const BleuCounts& { return counts_[row].bleu[system]; });
  };
  const auto chrf_of = [&](size_t system, const std::vector<int64_t>& times) {
    return sample.mean(times, chrf, [&](size_t row) -> const ChrfCounts& { return counts_[row].chrf[system]; });
  };
  const auto scored = [&](const auto& score) { return score_with_interval(sample.clusters(), kSeed, score); };
  GroupScores scores{.name = name,
                     .rows = sample.clusters().rows(),
                     .sentences = sample.clusters().size(),
                     .sha256 = sha256_of(rows_, groups),
                     .bleu_over_nearest = {},
                     .chrf_over_copy = {}};
  for (size_t system = 0; system < kSystems; ++system) {
    scores.bleu[system] = scored([&](const auto& times) { return bleu_of(system, times); });
    scores.chrf[system] = scored([&](const auto& times) { return chrf_of(system, times); });
  }
  constexpr auto kModel = static_cast<size_t>(System::model);
  scores.bleu_over_nearest = scored(
      [&](const auto& times) { return bleu_of(kModel, times) - bleu_of(static_cast<size_t>(System::nearest), times); });
  scores.chrf_over_copy = scored(
      [&](const auto& times) { return chrf_of(kModel, times) - chrf_of(static_cast<size_t>(System::copy), times); });
  return scores;
}

std::optional<Thirds> Evaluation::thirds(const std::map<std::string, int64_t>& training) const {
  const size_t count = directions().size();
  const size_t least = std::min(kWantedDirections, (5 * count + 5) / 6);
  const std::set<size_t> shared = shared_rows(rows_, least);
  std::vector<RowGroup> groups;
  for (RowGroup group : directions()) {
    std::erase_if(group.rows, [&](size_t row) { return !shared.contains(row); });
    if (!group.rows.empty()) groups.push_back(std::move(group));
  }
  if (groups.size() < 3) return std::nullopt;
  const auto pairs = [&](const RowGroup& group) {
    const auto found = training.find(group.name);
    return found == training.end() ? 0 : found->second;
  };
  std::ranges::stable_sort(groups, std::ranges::greater(), pairs);
  Thirds thirds{least, {}};
  constexpr const char* kNames[] = {"most training pairs", "between", "fewest"};
  for (size_t third = 0; third < 3; ++third) {
    const auto cut = [&](size_t n) { return groups.begin() + static_cast<std::ptrdiff_t>(n * groups.size() / 3); };
    thirds.scores[third] = average(kNames[third], {cut(third), cut(third + 1)});
  }
  return thirds;
}

}  // namespace gshard
