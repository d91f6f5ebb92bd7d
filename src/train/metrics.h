// What a training run tells about itself: plain records, and how they are averaged.
//
//   RunLog log({.folder = "run", .resumed_at = 0});             // run_log.h: files, terminal and alarms, all at once
//   log.begin({.name = "demo", ...});
//   log.step({.step = 1, .loss = 8.9, .target_tokens = 2011, ...});
//   log.evaluation({.step = 500, .loss = 4.1, ...});
//   log.finish();
//
// The loop fills a record of each step and of each evaluation, and knows nothing of who reads them. What it does not
// know stays at the default: NaN for numbers, which readers leave out.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace gshard {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// What the run is, said once at its start and again at each resumption.
struct RunRecord {
  int64_t step = 0;               // steps done before
  std::string name = {};          // "demo": that of its folder
  std::string config = {};        // the resolved config, as text
  std::string machine = {};       // "avx512_bf16, 2 threads, computing in bf16"
  int64_t parameters = 0;         // numbers in the weights
  int64_t active_parameters = 0;  // that a token meets
  int64_t devices = 1;
  int64_t all_to_alls = 0;  // of a step; 0 where there is none, or it is not known
};

// One mixture layer in one step.
struct ExpertRecord {
  std::string layer = {};          // "encoder/layer_1"
  std::vector<double> loads = {};  // by expert, shares that add up to 1; all 0 where the layer got no token
  double dropped = kUnknown;       // share of the choices that found no room
  double entropy = kUnknown;       // of the gates, the mean over tokens, in nats
};

// The order of layers, in which a token meets them: those of the encoder first, 9 before 10.
bool comes_before(const ExpertRecord& a, const ExpertRecord& b);

// One step, or the mean of several (see mean_of).
struct StepRecord {
  int64_t step = 0;             // steps done, with this one: the first is 1
  int64_t steps = 1;            // that the record stands for, the last of them `step`
  double done = kUnknown;       // share of the run's budget, 0 to 1, after this step
  double seconds = 0;           // of training since its beginning, summed over resumptions
  double loss = kUnknown;       // what is minimised: smoothed, with the losses of the mixtures
  double nll = kUnknown;        // of a target token, in nats
  double auxiliary = kUnknown;  // the losses of the mixtures, weighted as they are in `loss`
  int64_t source_tokens = 0;    // real ones; sums where the record stands for several steps
  int64_t target_tokens = 0;
  double milliseconds = 0;          // of one step, all in all
  double waiting_milliseconds = 0;  // of those, for input
  double learning_rate = kUnknown;
  double gradient_norm = kUnknown;
  int64_t skipped = 0;                     // steps whose gradients were not finite and that changed nothing
  std::vector<ExpertRecord> experts = {};  // in the order of the layers (comes_before)

  double source_tokens_per_second() const;
  double target_tokens_per_second() const;
  // The mean over the mixture layers, NaN where there is none.
  double dropped() const;
  // The largest load over what it would be in balance, 1 to the number of experts: of the worst layer; NaN without one.
  double imbalance() const;
};

// Of one direction of translation in an evaluation.
struct LanguageRecord {
  std::string direction = {};  // "de-en"
  int64_t training_pairs = 0;  // the size of its data
  int64_t sentences = 0;       // that were translated
  double loss = kUnknown;      // nll of a target token, in nats
  double bleu = kUnknown;
  double chrf = kUnknown;
};

struct EvaluationRecord {
  int64_t step = 0;
  double seconds = 0;       // of training until then, as in StepRecord
  double took_seconds = 0;  // the evaluation itself
  double loss = kUnknown;   // nll of a target token of dev, in nats
  double accuracy = kUnknown;
  double bleu = kUnknown;  // of all sentences together
  double chrf = kUnknown;
  std::vector<LanguageRecord> languages = {};
};

// What an alarm said, and when.
struct AlarmRecord {
  int64_t step = 0;
  std::string text = {};
};

// One record that stands for several that follow each other: means weighted by the steps that each stands for (numbers
// that are unknown left out), sums of tokens and of skipped steps, and what the last says of step, budget and rate.
StepRecord mean_of(std::span<const StepRecord> records);

}  // namespace gshard
