#include "train/progress_line.h"

#include <fmt/format.h>

#include <cmath>

#include "base/number_text.h"

namespace gshard {
namespace {

// Training time that is left at the pace so far.
std::string time_left(const StepRecord& record) {
  if (!(record.done > 0)) return "";
  return clock_text(record.seconds / record.done * std::fmax(1 - record.done, 0)) + " left";
}

// A list whose unknown parts are left out.
class Parts {
 public:
  explicit Parts(std::string separator) : separator_(std::move(separator)) {}
  void add(std::string text) {
    if (!text.empty()) text_ += (text_.empty() ? "" : separator_) + std::move(text);
  }
  void add(fmt::string_view format, double value) {
    if (!std::isnan(value)) add(fmt::format(fmt::runtime(format), value));
  }
  const std::string& text() const { return text_; }

 private:
  std::string separator_;
  std::string text_;
};

}  // namespace

std::string progress_line(const StepRecord& record) {
  Parts parts("  ");
  parts.add(fmt::format("step {:>6}", with_separators(record.step)));
  parts.add("loss {:.3f}", record.loss);
  parts.add("{:6.0f} source tokens/s", record.source_tokens_per_second());
  parts.add("{:5.0f} ms/step", record.milliseconds);
  parts.add("rate {:.1e}", record.learning_rate);
  parts.add("dropped {:4.1f}%", 100 * record.dropped());
  parts.add("balance {:.1f}", record.imbalance());
  parts.add(time_left(record));
  return parts.text();
}

std::string progress_line(const EvaluationRecord& record) {
  Parts parts(", ");
  parts.add("loss {:.3f}", record.loss);
  parts.add("accuracy {:.1f}%", 100 * record.accuracy);
  parts.add("BLEU {:.1f}", record.bleu);
  parts.add("chrF++ {:.1f}", record.chrf);
  return fmt::format("dev at step {}: {} (took {:.1f} s)", with_separators(record.step), parts.text(),
                     record.took_seconds);
}

std::string progress_line(const RunRecord& record) {
  std::string text = fmt::format("{}: {} weights", record.name, with_separators(record.parameters));
  if (record.active_parameters > 0 && record.active_parameters != record.parameters) {
    text += fmt::format(", of which {} work on a token", with_separators(record.active_parameters));
  }
  text += fmt::format(", on {} device{}", record.devices, record.devices == 1 ? "" : "s");
  if (!record.machine.empty()) text += "; " + record.machine;
  if (record.step > 0) text += fmt::format("; going on after step {}", with_separators(record.step));
  return text;
}

}  // namespace gshard
