#include "train/run_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/number_text.h"
#include "train/chart.h"
#include "train/run_facts.h"

namespace gshard {
namespace {

constexpr size_t kColumns = 72, kRows = 12;

// A field of characters with an axis on two sides.
class Plot {
 public:
  Plot(double last_x, double low, double high)
      : last_x_(std::max(last_x, 1.0)),
        low_(low),
        high_(high > low ? high : low + 1),
        rows_(kRows, std::string(kColumns, ' ')) {}

  void put(const Point& point, char mark) {
    if (!std::isfinite(point.y)) return;
    const double x = point.x / last_x_ * (kColumns - 1);
    const double y = (high_ - point.y) / (high_ - low_) * (kRows - 1);
    rows_[index(y, kRows)][index(x, kColumns)] = mark;
  }

  std::string text() const {
    std::string text;
    for (size_t i = 0; i < kRows; ++i) {
      const double value = high_ - (high_ - low_) * static_cast<double>(i) / (kRows - 1);
      std::string line =
          fmt::format("  {:>6} |{}", i % 3 == 0 || i + 1 == kRows ? fmt::format("{:.2f}", value) : "", rows_[i]);
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    text += fmt::format("         +{}\n", std::string(kColumns, '-'));
    return text + fmt::format("          0{:>{}}\n", with_separators(std::llround(last_x_)) + " steps", kColumns - 1);
  }

 private:
  static size_t index(double place, size_t size) {
    return static_cast<size_t>(std::clamp(std::lround(place), 0l, static_cast<long>(size) - 1));
  }

  double last_x_, low_, high_;
  std::vector<std::string> rows_;
};

std::string loss_plot(const Metrics& metrics) {
  std::vector<Point> trained, dev;
  for (const StepRecord& r : metrics.steps) {
    trained.push_back({static_cast<double>(r.step), std::isfinite(r.nll) ? r.nll : r.loss});
  }
  for (const EvaluationRecord& r : metrics.evaluations) dev.push_back({static_cast<double>(r.step), r.loss});
  double low = std::numeric_limits<double>::infinity(), high = -low;
  const std::vector<Bucket> curve = thinned(trained, 4 * kColumns);
  const auto widen = [&](double y) {
    if (!std::isfinite(y)) return;
    low = std::min(low, y);
    high = std::max(high, y);
  };
  for (const Bucket& b : curve) widen(b.mean.y);
  for (const Point& p : dev) widen(p.y);
  if (low > high) return "";
  Plot plot(metrics.steps.empty() ? dev.back().x : trained.back().x, low, high);
  for (const Bucket& b : curve) plot.put(b.mean, '.');
  for (const Point& p : dev) plot.put(p, 'o');
  return "loss, nats a target token: . training, o dev\n" + plot.text();
}

// "  encoder/layer_1   12  13  11 ...%   dropped 2.1%"
std::string balance_text(const StepRecord& late) {
  if (late.experts.empty()) return "";
  std::string text = "experts, % of the tokens of a layer over the last tenth of the run\n";
  size_t width = 0;
  for (const ExpertRecord& e : late.experts) width = std::max(width, e.layer.size());
  for (const ExpertRecord& e : late.experts) {
    text += fmt::format("  {:<{}} ", e.layer, width);
    for (const double load : e.loads) text += fmt::format("{:>4.0f}", 100 * load);
    text += std::isfinite(e.dropped) ? fmt::format("   dropped {:.1f}%\n", 100 * e.dropped) : "\n";
  }
  return text;
}

std::string overview(const Metrics& metrics, const RunFacts& facts) {
  std::string text = fmt::format("{} steps in {} on {} source and {} target tokens", with_separators(facts.steps),
                                 clock_text(facts.seconds), human_count(static_cast<double>(facts.source_tokens)),
                                 human_count(static_cast<double>(facts.target_tokens)));
  const double speed = facts.late.source_tokens_per_second();
  if (std::isfinite(speed)) text += fmt::format(", at last {} source tokens/s", with_separators(std::llround(speed)));
  text += "\n";
  if (facts.best.step > 0) {
    text += fmt::format("lowest dev loss {:.3f}, at step {}\n", facts.best.loss, with_separators(facts.best.step));
  }
  if (!metrics.runs.empty() && metrics.runs.back().all_to_alls > 0) {
    const RunRecord& run = metrics.runs.back();
    text += fmt::format("{} all-to-alls a step on {} device{}\n", run.all_to_alls, run.devices,
                        run.devices == 1 ? "" : "s");
  }
  for (const AlarmRecord& alarm : metrics.alarms) {
    text += fmt::format("alarm at step {}: {}\n", with_separators(alarm.step), alarm.text);
  }
  return text;
}

std::string language_text(const std::vector<LanguageRecord>& languages) {
  if (languages.empty()) return "";
  std::string text = "dev scores, most training data first\n";
  for (const LanguageRecord& l : languages) {
    text += fmt::format("  {:<9} {:>11} pairs", l.direction, with_separators(l.training_pairs));
    if (std::isfinite(l.loss)) text += fmt::format("   loss {:5.3f}", l.loss);
    if (std::isfinite(l.bleu)) text += fmt::format("   BLEU {:4.1f}   chrF++ {:4.1f}", l.bleu, l.chrf);
    text += '\n';
  }
  return text;
}

}  // namespace

std::string run_summary(const Metrics& metrics) {
  const RunFacts facts = facts_of(metrics);
  std::string text;
  for (const std::string& part :
       {loss_plot(metrics), balance_text(facts.late), language_text(facts.languages), overview(metrics, facts)}) {
    if (!part.empty()) text += (text.empty() ? "" : "\n") + part;
  }
  return text;
}

}  // namespace gshard
