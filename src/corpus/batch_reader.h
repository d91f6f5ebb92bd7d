// Batches of training: what a step of training is given, in an order that can be resumed exactly.
//
//   const TokenFile tokens("corpus/train.tokens");
//   BatchReader reader(tokens, {.rows = 32, .source_length = 96, .target_length = 64, .seed = 1});
//   for (int step = 0; step < 1000; ++step) {
//     const Batch batch = reader.next();       // prepared ahead by another thread
//     train_step(batch.source, ...);
//   }
//   save(reader.state());                      // later: reader.restore(state), and next() goes on as if never stopped
//
// The batches are a function of the token file, the options and the number of batches before. With several ranks all of
// them plan the same global batch of `rows` rows, and each fills in its own part of it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "corpus/packing.h"
#include "corpus/sampler.h"
#include "corpus/token_file.h"

namespace gshard {

// Arrays in row-major order, rows x source_length or rows x target_length. A row holds several pairs, numbered by
// segments from 1; 0 is padding. Positions count from 0 in each pair. A target's inputs are kBegin and then its labels
// but for the last, which is kEnd; weights are 1 for labels and 0 for padding.
struct Batch {
  int64_t rows = 0;
  int64_t source_length = 0;
  int64_t target_length = 0;
  std::vector<int32_t> source;
  std::vector<int32_t> source_segments;
  std::vector<int32_t> source_positions;
  std::vector<int32_t> target_inputs;
  std::vector<int32_t> target_labels;
  std::vector<int32_t> target_segments;
  std::vector<int32_t> target_positions;
  std::vector<float> weights;
  std::vector<std::vector<int64_t>> numbers;  // of each row, the pairs in it by their segments
  int64_t pairs = 0;
  int64_t source_tokens = 0;  // without padding
  int64_t target_tokens = 0;

  bool operator==(const Batch&) const = default;
};

struct BatchOptions {
  int64_t rows = 32;  // of the global batch
  int64_t source_length = 96;
  int64_t target_length = 64;
  uint64_t seed = 0;
  double temperature = 5;
  LongPairs long_pairs = LongPairs::drop;
  std::vector<LanguagePair> directions = {};  // whose pairs are read; all where it is empty
  int64_t rank = 0;
  int64_t ranks = 1;  // divides rows
  int64_t ahead = 4;  // batches prepared before they are asked for
};

// A position between two batches.
struct ReaderState {
  Sampler::Position position;
  std::vector<int64_t> waiting;  // pairs that were drawn and have no row yet
  int64_t batches = 0;

  // One line of JSON and back. Throws Error(program) for anything else.
  std::string to_string() const;
  static ReaderState parse(const std::string& text);
  bool operator==(const ReaderState&) const = default;
};

// The share of the batches so far that is padding.
struct PaddingShares {
  double source = 0;
  double target = 0;
};

// One thread may use it at a time. What goes wrong in the background is thrown by next().
class BatchReader {
 public:
  // Throws Error(usage) for options that make no batches, and Error(program) where no pair fits a row. The file must
  // outlive the reader.
  BatchReader(const TokenFile& tokens, const BatchOptions& options);
  ~BatchReader();
  BatchReader(const BatchReader&) = delete;
  BatchReader& operator=(const BatchReader&) = delete;

  Batch next();
  // After the batch that next() gave last.
  ReaderState state() const { return state_; }
  // Throws Error(program) for a state of another text.
  void restore(const ReaderState& state);

  PaddingShares padding() const;
  // Pairs of these directions that are longer than a row: dropped or cut.
  int64_t long_pairs() const { return long_pairs_; }

 private:
  struct Prepared {
    Batch batch;
    ReaderState state;
  };

  void check(const ReaderState& state) const;
  void start();
  void stop();
  void run();
  Prepared prepare();

  const TokenFile& tokens_;
  const BatchOptions options_;
  int64_t long_pairs_ = 0;
  ReaderState state_;
  int64_t source_tokens_ = 0;
  int64_t target_tokens_ = 0;
  int64_t given_ = 0;

  // Of the background thread.
  Sampler sampler_;
  Packer packer_;
  int64_t prepared_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Prepared> ready_;
  std::exception_ptr failure_;
  bool stopping_ = false;
  std::thread thread_;
};

// All pairs of a file once, or of some of its directions, in its order, as dev and test are read; the last batch may
// have empty rows. Pairs longer than a row are cut. `most_pairs` takes every so many-th pair, so that each direction
// keeps its part.
class PassReader {
 public:
  PassReader(const TokenFile& tokens, const BatchOptions& options, int64_t most_pairs);
  // Nothing at the end.
  std::optional<Batch> next();

 private:
  // The pair with this number among those of the wanted directions.
  int64_t pair_at(int64_t number) const;

  const TokenFile& tokens_;
  BatchOptions options_;
  Packer packer_;
  int64_t wanted_;  // pairs of the wanted directions
  int64_t pairs_;   // of those, that are read
  int64_t at_ = 0;
};

}  // namespace gshard
