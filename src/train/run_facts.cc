#include "train/run_facts.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

namespace gshard {
namespace {

StepRecord late_mean(const std::vector<StepRecord>& steps) {
  const size_t count = std::min(steps.size(), steps.size() / 10 + 1);
  return mean_of(std::span(steps).last(count));
}

EvaluationRecord best_of(const std::vector<EvaluationRecord>& evaluations) {
  EvaluationRecord best;
  for (const EvaluationRecord& e : evaluations) {
    if (std::isfinite(e.loss) && (best.step == 0 || e.loss < best.loss)) best = e;
  }
  return best;
}

// What is said later counts; an evaluation without translations says nothing of scores.
void bring_up_to_date(LanguageRecord& known, const LanguageRecord& later) {
  known.training_pairs = later.training_pairs;
  if (std::isfinite(later.loss)) known.loss = later.loss;
  if (!std::isfinite(later.bleu)) return;
  known.sentences = later.sentences;
  known.bleu = later.bleu;
  known.chrf = later.chrf;
}

std::vector<LanguageRecord> known_languages(const std::vector<EvaluationRecord>& evaluations) {
  std::vector<LanguageRecord> languages;
  for (const EvaluationRecord& evaluation : evaluations) {
    for (const LanguageRecord& later : evaluation.languages) {
      const auto known = std::ranges::find(languages, later.direction, &LanguageRecord::direction);
      if (known == languages.end()) {
        languages.push_back(later);
      } else {
        bring_up_to_date(*known, later);
      }
    }
  }
  std::ranges::stable_sort(languages, std::ranges::greater(), &LanguageRecord::training_pairs);
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
  facts.languages = known_languages(metrics.evaluations);
  return facts;
}

}  // namespace gshard
