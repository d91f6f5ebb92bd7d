// metrics.jsonl: the records of a run, a JSON object a line, that any tool can read.
//
//   {"kind":"step","step":120,"loss":5.31,...}
//
// A run that died may leave half a line at the end: readers pass over it, and whoever resumes cuts it off.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "train/metrics.h"

namespace gshard {

// All that is known of a run, each in the order of its steps.
struct Metrics {
  std::vector<RunRecord> runs;
  std::vector<StepRecord> steps;
  std::vector<EvaluationRecord> evaluations;
  std::vector<AlarmRecord> alarms;
};

// Throws Error(program) with the path and the line where one but the last is no record. Records of unknown kinds and
// unknown fields are passed over; fields that are missing have their defaults.
Metrics read_metrics(const std::string& path);

// Appends records; each is in the file when the call returns. Not thread-safe.
class MetricsFile {
 public:
  // Goes on with the file after `step`: records of later steps, which a resumed run makes anew, go, and so does half a
  // line at the end. 0 keeps nothing. Throws Error(program) where the file cannot be written or is damaged.
  MetricsFile(std::string path, int64_t step);
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  void add(const RunRecord& record);
  void add(const StepRecord& record);
  void add(const EvaluationRecord& record);
  void add(const AlarmRecord& record);

 private:
  void append(const std::string& line);

  std::string path_;
  std::FILE* file_ = nullptr;
};

}  // namespace gshard
