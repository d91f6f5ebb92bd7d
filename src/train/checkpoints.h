// What a run keeps so that it can go on exactly where it was: folders of their own, of which one that stands is whole.
//
//   run/checkpoints/step-00000500/state.safetensors   weights and the optimiser's state
//   run/checkpoints/step-00000500/run.json            where in the text, the budget and the evaluations it was
//
//   Checkpoints checkpoints("run");
//   checkpoints.save(state, training);
//   if (const auto newest = checkpoints.newest()) state = checkpoints.load(*newest, training);
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "corpus/batch_reader.h"
#include "runtime/compiled_model.h"
#include "train/budget.h"

namespace gshard {

struct RunState {
  Progressed progressed;
  ReaderState reader;
  std::string corpus_sha256;  // of the text that it reads
  double best_loss = std::numeric_limits<double>::infinity();
  int64_t best_step = 0;  // 0: nothing was evaluated
  int64_t evaluations_since_best = 0;
};

class Checkpoints {
 public:
  // Those of the run in this folder, which may be new.
  explicit Checkpoints(const std::string& run) : path_(run + "/checkpoints") {}

  // The steps of those that there are, the oldest first.
  std::vector<int64_t> steps() const;
  std::optional<int64_t> newest() const;

  // Throws Error(program) where it cannot be written; what stood there before is then untouched.
  void save(const RunState& state, const CompiledModel& training) const;
  // Throws Error(program) where it is damaged, or of another model.
  RunState load(int64_t step, CompiledModel& training) const;
  // All go but the newest `keep` and the one of step `best`.
  void prune(int64_t keep, int64_t best) const;

  // An archive of weights and state.
  std::string arrays_path(int64_t step) const;

 private:
  std::string folder_of(int64_t step) const;

  std::string path_;
};

}  // namespace gshard
