#include "train/run_facts.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <tuple>

namespace gshard {
namespace {

// In the order in which a token meets the layers: those of the encoder first, 9 before 10.
bool comes_before(const ExpertRecord& a, const ExpertRecord& b) {
  const auto place = [](const ExpertRecord& e) {
    return std::tuple(!e.layer.starts_with("encoder"), e.layer.size(), std::string_view(e.layer));
  };
  return place(a) < place(b);
}

StepRecord late_mean(const std::vector<StepRecord>& steps) {
  const size_t count = std::min(steps.size(), steps.size() / 10 + 1);
  StepRecord mean = mean_of(std::span(steps).last(count));
  std::stable_sort(mean.experts.begin(), mean.experts.end(), comes_before);
  return mean;
}

EvaluationRecord best_of(const std::vector<EvaluationRecord>& evaluations) {
  EvaluationRecord best;
  for (const EvaluationRecord& e : evaluations) {
    if (best.step == 0 || e.loss < best.loss) best = e;
  }
  return best;
}

std::vector<LanguageRecord> last_languages(const std::vector<EvaluationRecord>& evaluations) {
  const auto last = std::find_if(evaluations.rbegin(), evaluations.rend(),
                                 [](const EvaluationRecord& e) { return !e.languages.empty(); });
  if (last == evaluations.rend()) return {};
  std::vector<LanguageRecord> languages = last->languages;
  std::stable_sort(languages.begin(), languages.end(), [](const LanguageRecord& a, const LanguageRecord& b) {
    return a.training_pairs > b.training_pairs;
  });
  return languages;
}

}  // namespace

RunFacts facts_of(const Metrics& metrics) {
  RunFacts facts;
  if (!metrics.runs.empty()) facts.name = metrics.runs.back().name;
  facts.resumptions = std::max<int64_t>(static_cast<int64_t>(metrics.runs.size()) - 1, 0);
  for (const StepRecord& r : metrics.steps) {
    facts.source_tokens += r.source_tokens;
    facts.target_tokens += r.target_tokens;
  }
  facts.late = late_mean(metrics.steps);
  facts.steps = facts.late.step;
  facts.seconds = facts.late.seconds;
  facts.best = best_of(metrics.evaluations);
  facts.languages = last_languages(metrics.evaluations);
  return facts;
}

}  // namespace gshard
