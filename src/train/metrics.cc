#include "train/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <tuple>

namespace gshard {
namespace {

// A mean of the numbers that are known.
class Mean {
 public:
  void add(double value, double weight) {
    if (std::isnan(value)) return;
    sum_ += value * weight;
    weight_ += weight;
  }
  double value() const { return weight_ > 0 ? sum_ / weight_ : kUnknown; }

 private:
  double sum_ = 0;
  double weight_ = 0;
};

// The mean of a number of all the records.
template <class Record, class Number>
double mean(std::span<const Record> records, const std::vector<double>& weights, Number number) {
  Mean mean;
  for (size_t i = 0; i < records.size(); ++i) mean.add(number(records[i]), weights[i]);
  return mean.value();
}

// Of the mixture layer with this number. Records whose layers have other experts are left out.
ExpertRecord mean_of_layer(std::span<const StepRecord> records, const std::vector<double>& weights, size_t layer) {
  ExpertRecord result = records.back().experts[layer];
  std::vector<Mean> loads(result.loads.size());
  Mean dropped, entropy;
  for (size_t i = 0; i < records.size(); ++i) {
    if (layer >= records[i].experts.size()) continue;
    const ExpertRecord& e = records[i].experts[layer];
    dropped.add(e.dropped, weights[i]);
    entropy.add(e.entropy, weights[i]);
    if (e.loads.size() != loads.size()) continue;
    for (size_t x = 0; x < loads.size(); ++x) loads[x].add(e.loads[x], weights[i]);
  }
  for (size_t x = 0; x < loads.size(); ++x) result.loads[x] = loads[x].value();
  result.dropped = dropped.value();
  result.entropy = entropy.value();
  return result;
}

double per_second(int64_t tokens, const StepRecord& record) {
  const double milliseconds = record.milliseconds * static_cast<double>(record.steps);
  return milliseconds > 0 ? 1000 * static_cast<double>(tokens) / milliseconds : kUnknown;
}

}  // namespace

bool comes_before(const ExpertRecord& a, const ExpertRecord& b) {
  const auto place = [](const ExpertRecord& e) {
    return std::tuple(!e.layer.starts_with("encoder"), e.layer.size(), std::string_view(e.layer));
  };
  return place(a) < place(b);
}

double StepRecord::source_tokens_per_second() const { return per_second(source_tokens, *this); }

double StepRecord::target_tokens_per_second() const { return per_second(target_tokens, *this); }

double StepRecord::dropped() const {
  Mean mean;
  for (const ExpertRecord& e : experts) mean.add(e.dropped, 1);
  return mean.value();
}

double StepRecord::imbalance() const {
  double worst = kUnknown;
  for (const ExpertRecord& e : experts) {
    if (e.loads.empty()) continue;
    worst = std::fmax(worst, *std::max_element(e.loads.begin(), e.loads.end()) * static_cast<double>(e.loads.size()));
  }
  return worst;
}

StepRecord mean_of(std::span<const StepRecord> records) {
  if (records.empty()) return {};
  std::vector<double> weights;
  for (const StepRecord& r : records) weights.push_back(static_cast<double>(r.steps));
  const auto mean_over = [&](double StepRecord::*number) {
    return mean(records, weights, [&](const StepRecord& r) { return r.*number; });
  };
  const auto sum_over = [&](int64_t StepRecord::*number) {
    return std::accumulate(records.begin(), records.end(), int64_t{0},
                           [&](int64_t sum, const StepRecord& r) { return sum + r.*number; });
  };
  StepRecord result = records.back();
  for (const auto number : {&StepRecord::loss, &StepRecord::nll, &StepRecord::auxiliary, &StepRecord::gradient_norm,
                            &StepRecord::milliseconds, &StepRecord::waiting_milliseconds}) {
    result.*number = mean_over(number);
  }
  for (const auto number :
       {&StepRecord::steps, &StepRecord::source_tokens, &StepRecord::target_tokens, &StepRecord::skipped}) {
    result.*number = sum_over(number);
  }
  for (size_t i = 0; i < result.experts.size(); ++i) result.experts[i] = mean_of_layer(records, weights, i);
  return result;
}

}  // namespace gshard
