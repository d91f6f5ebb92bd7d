#include "train/run_log.h"

#include <limits>

#include "train/progress_line.h"

namespace gshard {
namespace {

// Steps whose mean the status shows.
constexpr size_t kShown = 20;

}  // namespace

RunLog::RunLog(RunLogOptions options)
    : options_(std::move(options)),
      metrics_(options_.folder + "/metrics.jsonl", options_.resumed_at),
      shown_at_(-std::numeric_limits<double>::infinity()) {}

void RunLog::begin(const RunRecord& record) {
  line(progress_line(record));
  metrics_.add(record);
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
  line(progress_line(record));
}

void RunLog::flush() {
  if (waiting_.empty()) return;
  metrics_.add(mean_of(waiting_));
  waiting_.clear();
}

void RunLog::finish() {
  flush();
  show_line();
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
