#include "train/training_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <thread>

#include "backend/cpu/instruction_set.h"
#include "base/number_text.h"
#include "decode/model_folder.h"
#include "runtime/output_file.h"
#include "train/average_weights.h"
#include "train/initial_weights.h"
#include "train/weight_counts.h"

namespace gshard {
namespace {

// Steps without finite gradients after which a run gives up.
constexpr int64_t kMostSkipped = 20;

std::vector<std::string> directions_of(const TokenFile& tokens) {
  std::vector<std::string> names;
  for (const auto& range : tokens.directions()) names.push_back(range.direction.source + ":" + range.direction.target);
  return names;
}

TokenFile open_tokens(const TrainConfig& config, Part part) {
  const std::string path = token_path(config.corpus, part);
  read_corpus(config.corpus);  // says what is missing where it is none
  if (!std::filesystem::exists(path)) {
    throw Error::program(
        fmt::format("{0} has no {1}.tokens; 'gshard corpus vocab {0}' and then 'gshard corpus build {0}' "
                    "make it",
                    config.corpus, name_of(part)));
  }
  return TokenFile(path);
}

Numerics numerics_of(const TrainConfig& config) {
  return config.precision == NumberPrecision::bf16 ? Numerics::mixed() : Numerics::single();
}

// Asked before anything is compiled, for that takes long.
const Vocabularies& checked(const Vocabularies& vocabularies, std::initializer_list<const TokenFile*> files,
                            const std::string& corpus) {
  for (const TokenFile* tokens : files) tokens->expect_vocabulary(vocabularies.sha256(), corpus);
  return vocabularies;
}

LearningRate learning_rate_of(const TrainConfig& c) { return {c.rate, c.decay, c.warmup, c.least_warmup}; }

BatchOptions batches_of(const TrainConfig& config) {
  return {.rows = config.rows,
          .source_length = config.model.source_length,
          .target_length = config.model.target_length,
          .seed = static_cast<uint64_t>(config.seed),
          .temperature = config.temperature,
          .long_pairs = config.long_pairs};
}

}  // namespace

void resolve(TrainConfig& config) {
  if (config.precision == NumberPrecision::automatic) {
    config.precision = cpu::multiplies_bf16() ? NumberPrecision::bf16 : NumberPrecision::f32;
  }
  const std::vector<std::string> there = directions_of(open_tokens(config, Part::train));
  if (config.model.directions.empty()) config.model.directions = there;
  std::vector<std::string> wanted = config.model.directions, found = there;
  std::ranges::sort(wanted);
  std::ranges::sort(found);
  if (wanted == found) return;
  throw Error::usage(fmt::format("model.directions are {}, and those of {} are {}", fmt::join(wanted, ", "),
                                 config.corpus, fmt::join(found, ", ")));
}

TrainingRun::TrainingRun(const TrainConfig& config, std::string config_text, const Notices& notices)
    : config_(config),
      config_text_(std::move(config_text)),
      notices_(notices),
      budget_{config.stop_steps, config.stop_tokens, config.stop_minutes},
      vocabularies_(Vocabularies::load(vocabulary_folder_of(config))),
      train_(token_path(config.corpus, Part::train)),
      dev_(token_path(config.corpus, Part::dev)),
      model_(transformer_of(config, checked(vocabularies_, {&train_, &dev_}, config.corpus))),
      checkpoints_(config.output),
      trainer_(config, model_, numerics_of(config)) {
  reader_.emplace(train_, batches_of(config));
  if (config.bleu_sentences > 0) translations_.emplace(config, vocabularies_, train_, notices_.line);
  if (const auto newest = checkpoints_.newest()) {
    restore(*newest);
  } else {
    trainer_.model().initialize(static_cast<uint64_t>(config.seed));
    if (!config.init_from.empty()) begin_with(ModelFolder(config.init_from), vocabularies_, trainer_.model());
    state_.corpus_sha256 = train_.corpus_sha256();
  }
}

void TrainingRun::restore(int64_t step) {
  state_ = checkpoints_.load(step, trainer_.model());
  if (state_.corpus_sha256 != train_.corpus_sha256()) {
    throw Error::usage(
        fmt::format("{} was trained on another text than {}; to go on with this one, begin a new run with "
                    "init_from = \"{}\"",
                    config_.output, config_.corpus, model_path()));
  }
  reader_->restore(state_.reader);
  resumed_ = state_.progressed;
  saved_at_ = state_.progressed.seconds;
}

// ---- the loop -------------------------------------------------------------------------------------------------------

RunEnd TrainingRun::run(const std::atomic<bool>& stop) {
  begin();
  RunEnd end = RunEnd::budget;
  while (budget_.done(state_.progressed) < 1) {
    if (stop) {
      save();
      end = RunEnd::interrupted;
      break;
    }
    if (config_.patience > 0 && state_.evaluations_since_best >= config_.patience) {
      end = RunEnd::patience;
      break;
    }
    train_step();
    const bool is_due = config_.evaluate_every > 0 && steps() % config_.evaluate_every == 0;
    if (is_due) evaluate();
    if (is_due || state_.progressed.seconds - saved_at_ >= 60 * config_.checkpoint_minutes) save();
  }
  start_log();
  if (end != RunEnd::interrupted) {
    if (evaluated_at_ != steps()) evaluate();
    save();
    write_model();
  }
  log_->finish();
  return end;
}

void TrainingRun::begin() {
  make_folder(config_.output);
  OutputFile out(config_.output + "/config.toml");
  out.write(config_text_);
  out.finish();
  if (dev_.pairs() == 0 && notices_.line) {
    notices_.line(
        fmt::format("{} has no pairs: nothing is evaluated, and the model will be the last checkpoint", dev_.path()));
  }
  counted_at_ = Clock::now();
}

StepRates TrainingRun::rates(const Batch& batch) const {
  double done = budget_.done(state_.progressed);
  // The rate rises with what is used up, and a first step at a rate of 0 would be lost: what it uses up itself counts.
  if (steps() == 0) done = std::min(budget_.done({.steps = 1, .tokens = batch.target_tokens}), config_.warmup);
  return {learning_rate(learning_rate_of(config_), done, steps()),
          steps() < config_.balance_steps ? config_.balance_first : config_.balance};
}

void TrainingRun::train_step() {
  const auto milliseconds = [](Clock::duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
  };
  const auto begin = Clock::now();
  const Batch batch = reader_->next();
  const auto had_input = Clock::now();
  StepRecord record = trainer_.step(batch, rates(batch));
  count_time();
  state_.progressed.steps += 1;
  state_.progressed.tokens += batch.target_tokens;
  record.step = steps();
  record.done = budget_.done(state_.progressed);
  record.seconds = state_.progressed.seconds;
  record.waiting_milliseconds = milliseconds(had_input - begin);
  record.milliseconds = milliseconds(Clock::now() - begin);
  report(record);
  skipped_ = record.skipped > 0 ? skipped_ + 1 : 0;
  if (skipped_ < kMostSkipped) return;
  log_->finish();
  throw Error(ErrorKind::diverged,
              fmt::format("the gradients of {} steps on end were not finite, the last of them step {}; go on from {} "
                          "with a lower optimizer.rate",
                          skipped_, steps(), config_.output));
}

void TrainingRun::count_time() {
  const auto now = Clock::now();
  state_.progressed.seconds += std::chrono::duration<double>(now - counted_at_).count();
  counted_at_ = now;
}

// ---- what is said of it ---------------------------------------------------------------------------------------------

// The first step is slower than the others.
void TrainingRun::report(const StepRecord& record) {
  if (log_) return log_->step(record);
  unlogged_.push_back(record);
  if (unlogged_.size() == 2) start_log();
}

void TrainingRun::start_log() {
  if (log_) return;
  log_.emplace(RunLogOptions{.folder = config_.output, .resumed_at = resumed_.steps, .notices = notices_});
  log_->begin(about());
  for (const StepRecord& record : unlogged_) log_->step(record);
}

RunRecord TrainingRun::about() const {
  RunRecord record;
  record.step = resumed_.steps;
  record.name = std::filesystem::path(config_.output).filename().string();
  record.config = config_text_;
  const std::string type = config_.precision == NumberPrecision::bf16 ? "bf16" : "f32";
  record.machine =
      fmt::format("{}, {} threads, computing in {}", cpu::instruction_set(), std::thread::hardware_concurrency(), type);
  if (!unlogged_.empty()) {
    const double expected = std::round(unlogged_.back().target_tokens_per_second());
    record.machine += fmt::format("; expect {} target tokens/s", with_separators(static_cast<int64_t>(expected)));
  }
  const WeightCounts weights = count_weights(trainer_.model().parameters(), model_.moe.gating);
  record.parameters = static_cast<int64_t>(weights.all);
  record.active_parameters = static_cast<int64_t>(weights.active);
  record.devices = config_.devices;
  record.all_to_alls = trainer_.all_to_alls();
  return record;
}

// ---- evaluations ----------------------------------------------------------------------------------------------------

EvaluationRecord TrainingRun::validate() {
  const auto begin = Clock::now();
  const HeldOutLoss held_out = trainer_.loss_of(dev_, config_.evaluate_pairs);
  EvaluationRecord record;
  record.step = steps();
  record.seconds = state_.progressed.seconds;
  record.loss = held_out.loss;
  record.accuracy = held_out.accuracy;
  for (const auto& [direction, loss] : held_out.directions) {
    record.languages.push_back({.direction = direction, .training_pairs = train_.pairs_of(direction), .loss = loss});
  }
  record.took_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return record;
}

void TrainingRun::evaluate() {
  if (dev_.pairs() == 0) return;
  start_log();
  EvaluationRecord record = validate();
  count_time();
  if (translations_ && std::isfinite(record.loss)) {
    translations_->score(trainer_.model(), state_.progressed.seconds - resumed_.seconds, record);
    count_time();
  }
  evaluated_at_ = steps();
  if (record.loss < state_.best_loss) {
    state_.best_loss = record.loss;
    state_.best_step = steps();
    state_.evaluations_since_best = 0;
  } else {
    ++state_.evaluations_since_best;
  }
  log_->evaluation(record);
}

// ---- what is kept ---------------------------------------------------------------------------------------------------

void TrainingRun::save() {
  start_log();
  log_->flush();
  count_time();
  state_.reader = reader_->state();
  checkpoints_.save(state_, trainer_.model());
  checkpoints_.prune(std::max(config_.keep, config_.average), state_.best_step);
  count_time();
  saved_at_ = state_.progressed.seconds;
}

// The mean of the last checkpoints, or the best one.
void TrainingRun::write_model() const {
  std::vector<int64_t> steps = checkpoints_.steps();
  if (config_.average > 1) {
    steps.erase(steps.begin(), steps.end() - std::min(config_.average, static_cast<int64_t>(steps.size())));
  } else {
    steps = {state_.best_step > 0 ? state_.best_step : steps.back()};
  }
  std::vector<std::string> paths;
  for (const int64_t step : steps) paths.push_back(checkpoints_.arrays_path(step));
  std::vector<ArrayEntry> weights;
  for (const Parameter& parameter : trainer_.model().parameters()) {
    if (parameter.role == Role::weight) weights.push_back({parameter.name, parameter.shape});
  }
  const WeightAverage average(paths);
  write_model_folder(model_path(), {config_text_, vocabulary_folder_of(config_), weights,
                                    [&](size_t i) { return average.of(weights[i].name, weights[i].shape); }});
}

}  // namespace gshard
