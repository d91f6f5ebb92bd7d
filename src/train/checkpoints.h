// What a run keeps so that it can go on exactly where it was: folders of their own, of which one that stands is whole.
//
//   run/checkpoints/step-00000500/state.safetensors   weights and the optimiser's state
//   run/checkpoints/step-00000500/run.json            where in the text, the budget and the evaluations it was
//
//   Checkpoints checkpoints("run");
//   checkpoints.save(state, training);
//   if (const auto newest = checkpoints.newest()) {
//     state = checkpoints.state(*newest);
//     checkpoints.expect_arrays(*newest, program.parameters);
//     checkpoints.load(*newest, training);
//   }
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "corpus/batch_reader.h"
#include "runtime/compiled_model.h"
#include "train/budget.h"

namespace gshard {

struct RunState {
  Progressed progressed;
  ReaderState reader;
  std::string corpus_sha256;            // of the text that it reads
  std::string vocabulary_sha256;        // "" in a checkpoint that does not say it, as the next two
  std::vector<std::string> directions;  // that it is trained on, as model.directions
  int64_t micro_batches = 0;            // of a step
  double best_loss = std::numeric_limits<double>::infinity();
  int64_t best_step = 0;  // 0: nothing was evaluated
  int64_t evaluations_since_best = 0;
  int64_t evaluated_step = -1;  // the last one; -1: none
};

class Checkpoints {
 public:
  // Those of the run in this folder, which may be new.
  explicit Checkpoints(std::string run) : run_(std::move(run)), path_(run_ + "/checkpoints") {}

  // The steps of those that there are, the oldest first.
  std::vector<int64_t> steps() const;
  std::optional<int64_t> newest() const;

  // Throws Error(program) where it cannot be written; what stood there before is then untouched. What a killed save
  // left is removed.
  void save(const RunState& state, const CompiledModel& training) const;
  // What it says of the run. Throws Error(program) where it is damaged.
  RunState state(int64_t step) const;
  // Throws Error(usage) where its arrays are not of the names and sizes of these weights and state: it is of another
  // model or optimiser. Throws Error(program) where it is damaged.
  void expect_arrays(int64_t step, const std::vector<Parameter>& parameters) const;
  // Gives `training` its arrays, which fit. Throws Error(program) where they are damaged.
  void load(int64_t step, CompiledModel& training) const;
  // All go but the newest `keep` and the one of step `best`.
  void prune(int64_t keep, int64_t best) const;
  // Those of this step and of later ones go.
  void remove_from(int64_t step) const;

  // An error that names a checkpoint, what is wrong with it, and what to do.
  Error damaged(int64_t step, const std::string& what) const;

  // An archive of weights and state.
  std::string arrays_path(int64_t step) const;

 private:
  std::string folder_of(int64_t step) const;
  void write(const std::string& folder, const RunState& state, const CompiledModel& training) const;
  void remove(int64_t step) const;

  std::string run_;
  std::string path_;
};

}  // namespace gshard
