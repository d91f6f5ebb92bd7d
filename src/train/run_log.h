// Everything that a training run shows: the one thing that the loop talks to.
//
//   RunLog log({.folder = "run", .resumed_at = checkpoint_step, .notices = {put_progress, put_status, put_warning}});
//   log.begin({.step = checkpoint_step, .name = "demo", .config = text, .machine = "avx512_bf16, 2 threads", ...});
//   for (...) log.step(record);             // each step; the files get means of `every` of them
//   log.evaluation(evaluation);
//   log.flush();                            // before a checkpoint is saved, so that a record ends with its step
//   log.finish();                           // at the end, also when a signal brings it
//
// In the folder stand then metrics.jsonl, a file of events for TensorBoard and, after finish(), report.html.
#pragma once

#include <string>
#include <vector>

#include "corpus/progress.h"
#include "train/alarms.h"
#include "train/event_file.h"
#include "train/metrics_file.h"

namespace gshard {

// Where lines for people go. Each may be empty.
struct Notices {
  Progress line = {};     // one that stays
  Progress status = {};   // one that takes the place of the status before: of a terminal
  Progress warning = {};  // an alarm
};

struct RunLogOptions {
  std::string folder;
  int64_t resumed_at = 0;   // the step of the checkpoint that the run goes on from, 0 where it begins
  int64_t every = 10;       // steps that one record in the files stands for
  double line_seconds = 8;  // of training from one line to the next, where there is no status
  Notices notices = {};
};

// Not thread-safe.
class RunLog {
 public:
  // The folder is there. Metrics that are damaged are renamed, with a warning: a log must not stop a training. Throws
  // Error(program) where the folder cannot be written.
  explicit RunLog(RunLogOptions options);

  void begin(const RunRecord& record);
  void step(const StepRecord& record);
  void evaluation(const EvaluationRecord& record);
  // Brings the steps that wait for a mean to the files.
  void flush();
  // The end of the run: flush(), the last line, and report.html.
  void finish();

 private:
  void show(const StepRecord& record);
  void show_line();
  void line(const std::string& text) const;

  RunLogOptions options_;
  MetricsFile metrics_;
  EventFile events_;
  Alarms alarms_;
  double shown_at_;                  // seconds of training at the last line
  std::vector<StepRecord> waiting_;  // for the files
  std::vector<StepRecord> shown_;    // that the next line or status is the mean of
};

}  // namespace gshard
