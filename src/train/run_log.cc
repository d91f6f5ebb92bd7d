#include "train/run_log.h"

#include <fmt/format.h>

#include <filesystem>
#include <limits>

#include "base/error.h"
#include "train/progress_line.h"
#include "train/run_report.h"

namespace gshard {
namespace {

// Steps whose mean the status shows.
constexpr size_t kShown = 20;

// TensorBoard shows texts as Markdown: indented by four, they stay as they are.
std::string in_code(const std::string& text) {
  std::string code = "    ";
  for (const char c : text) code += c == '\n' ? "\n    " : std::string(1, c);
  return code;
}

// The path of metrics that can be gone on with.
std::string metrics_path(const RunLogOptions& options) {
  std::string path = options.folder + "/metrics.jsonl";
  std::error_code none;
  if (options.resumed_at == 0 || std::filesystem::file_size(path, none) == 0 || none) return path;
  try {
    read_metrics(path);
  } catch (const Error& error) {
    const std::string aside = path + ".damaged";
    std::filesystem::rename(path, aside, none);
    if (options.notices.warning) {
      options.notices.warning(fmt::format("{}; it is now {}, and a new one begins here", error.what(), aside));
    }
  }
  return path;
}

void add_events(EventFile& events, const StepRecord& r) {
  const std::pair<const char*, double> numbers[] = {
      {"train/loss", r.loss},
      {"train/nll", r.nll},
      {"train/auxiliary_loss", r.auxiliary},
      {"train/learning_rate", r.learning_rate},
      {"train/gradient_norm", r.gradient_norm},
      {"speed/source_tokens_per_second", r.source_tokens_per_second()},
      {"speed/milliseconds_per_step", r.milliseconds},
      {"speed/waiting_for_input", r.milliseconds > 0 ? r.waiting_milliseconds / r.milliseconds : kUnknown},
      {"experts/dropped", r.dropped()},
      {"experts/busiest_over_even", r.imbalance()}};
  for (const auto& [name, value] : numbers) events.add(r.step, name, value);
  for (const ExpertRecord& e : r.experts) {
    events.add(r.step, "gate_entropy/" + e.layer, e.entropy);
    for (size_t i = 0; i < e.loads.size(); ++i) events.add(r.step, fmt::format("load/{}/{}", e.layer, i), e.loads[i]);
  }
  events.flush();
}

void add_events(EventFile& events, const EvaluationRecord& r) {
  const std::pair<const char*, double> numbers[] = {
      {"dev/loss", r.loss}, {"dev/accuracy", r.accuracy}, {"dev/bleu", r.bleu}, {"dev/chrf", r.chrf}};
  for (const auto& [name, value] : numbers) events.add(r.step, name, value);
  for (const LanguageRecord& l : r.languages) {
    events.add(r.step, "dev_loss/" + l.direction, l.loss);
    events.add(r.step, "dev_bleu/" + l.direction, l.bleu);
  }
  events.flush();
}

}  // namespace

RunLog::RunLog(RunLogOptions options)
    : options_(std::move(options)),
      metrics_(metrics_path(options_), options_.resumed_at),
      events_(options_.folder, options_.resumed_at),
      shown_at_(-std::numeric_limits<double>::infinity()) {}

void RunLog::begin(const RunRecord& record) {
  line(progress_line(record));
  metrics_.add(record);
  if (!record.config.empty()) events_.add_text(record.step, "config", in_code(record.config));
}

void RunLog::step(const StepRecord& record) {
  waiting_.push_back(record);
  if (record.step % options_.every == 0) flush();
  show(record);
  for (const std::string& text : alarms_.add(record)) {
    metrics_.add(AlarmRecord{record.step, text});
    if (options_.notices.warning) options_.notices.warning(text);
  }
}

void RunLog::evaluation(const EvaluationRecord& record) {
  flush();
  metrics_.add(record);
  add_events(events_, record);
  line(progress_line(record));
}

void RunLog::flush() {
  if (waiting_.empty()) return;
  const StepRecord mean = mean_of(waiting_);
  metrics_.add(mean);
  add_events(events_, mean);
  waiting_.clear();
}

void RunLog::finish() {
  flush();
  show_line();
  write_report(options_.folder);
}

void RunLog::show(const StepRecord& record) {
  shown_.push_back(record);
  if (options_.notices.status) {
    if (shown_.size() > kShown) shown_.erase(shown_.begin());
    options_.notices.status(progress_line(mean_of(shown_)));
    return;
  }
  if (record.seconds - shown_at_ < options_.line_seconds) return;
  show_line();
  shown_at_ = record.seconds;
}

void RunLog::show_line() {
  if (!shown_.empty()) line(progress_line(mean_of(shown_)));
  shown_.clear();
}

void RunLog::line(const std::string& text) const {
  if (options_.notices.line) options_.notices.line(text);
}

}  // namespace gshard
