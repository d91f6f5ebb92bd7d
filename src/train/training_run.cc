#include "train/training_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <utility>

#include "backend/cpu/instruction_set.h"
#include "base/cores.h"
#include "base/number_text.h"
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
  for (const auto& range : tokens.directions()) names.push_back(range.direction.setting());
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

// Asked before anything is compiled, for that takes long.
const Vocabularies& checked(const Vocabularies& vocabularies, std::initializer_list<const TokenFile*> files,
                            const std::string& corpus) {
  const std::string text = read_corpus(corpus).sha256_of_all();
  for (const TokenFile* tokens : files) {
    tokens->expect_vocabulary(vocabularies.sha256(), corpus);
    if (tokens->corpus_sha256() == text) continue;
    throw Error::program(
        fmt::format("{}: the text of {} has changed since it was made; run 'gshard corpus build {}' again",
                    tokens->path(), corpus, corpus));
  }
  return vocabularies;
}

LearningRate learning_rate_of(const TrainConfig& c) { return {c.rate, c.decay, c.warmup, c.least_warmup}; }

BatchOptions batches_of(const TrainConfig& config) {
  return {.rows = config.rows,
          .source_length = config.model.source_length,
          .target_length = config.model.target_length,
          .seed = static_cast<uint64_t>(config.seed),
          .temperature = config.temperature,
          .long_pairs = config.long_pairs,
          .directions = config.model.parsed_directions()};
}

std::optional<ModelFolder> beginning_of(const TrainConfig& config, bool has_checkpoint) {
  if (has_checkpoint || config.init_from.empty()) return std::nullopt;
  return ModelFolder(config.init_from);
}

// Where a folder is there; a new one is locked when it is made.
std::unique_ptr<const RunLock> lock_of(const std::string& folder, RunPurpose purpose) {
  std::error_code none;
  if (purpose != RunPurpose::train || !std::filesystem::exists(folder, none)) return nullptr;
  return std::make_unique<const RunLock>(folder);
}

// Throws where a checkpoint is of other data than the run, or of steps that are cut into other parts.
void expect_same_data(const RunState& saved, const RunState& now, const TrainConfig& config) {
  const auto refuse = [&](const std::string& what) {
    throw Error::usage(
        fmt::format("{0} was trained {1}; to go on with this one, begin a new run with init_from = \"{0}/model\"",
                    config.output, what));
  };
  if (saved.corpus_sha256 != now.corpus_sha256) refuse("on another text than " + config.corpus);
  if (saved.vocabulary_sha256 != now.vocabulary_sha256) {
    refuse("with another vocabulary than that of " + vocabulary_folder_of(config));
  }
  if (saved.directions != now.directions) {
    refuse(fmt::format("on other model.directions, {}", fmt::join(saved.directions, ", ")));
  }
  if (saved.micro_batches == now.micro_batches) return;
  throw Error::usage(
      fmt::format("{} was trained with batch.micro_batches = {} and the config says {}; say {}, or take another output",
                  config.output, saved.micro_batches, now.micro_batches, saved.micro_batches));
}

}  // namespace

void resolve(TrainConfig& config, const Settings& settings) {
  if (config.precision == NumberPrecision::automatic) {
    config.precision = cpu::multiplies_bf16() ? NumberPrecision::bf16 : NumberPrecision::f32;
  }
  const std::vector<std::string> there = directions_of(open_tokens(config, Part::train));
  const std::vector<std::string> wanted = std::exchange(config.model.directions, there);
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  std::vector<std::string> missing;
  std::ranges::copy_if(wanted, std::back_inserter(missing), [&](const auto& name) { return !has(there, name); });
  if (!missing.empty()) {
    throw settings.error("model.directions",
                         fmt::format("model.directions has {}, and those of {} are {}", fmt::join(missing, ", "),
                                     config.corpus, fmt::join(there, ", ")));
  }
  if (!wanted.empty()) std::erase_if(config.model.directions, [&](const auto& name) { return !has(wanted, name); });
}

TrainingRun::TrainingRun(const TrainConfig& config, std::string config_text, const Notices& notices, RunPurpose purpose)
    : config_(config),
      config_text_(std::move(config_text)),
      notices_(notices),
      budget_{config.stop_steps, config.stop_tokens, config.stop_minutes},
      vocabularies_(Vocabularies::load(vocabulary_folder_of(config))),
      train_(open_tokens(config, Part::train)),
      dev_(open_tokens(config, Part::dev)),
      model_(transformer_of(config, checked(vocabularies_, {&train_, &dev_}, config.corpus))),
      dev_pairs_(pairs_of(dev_, config.model.parsed_directions())),
      checkpoints_(config.output),
      lock_(lock_of(config.output, purpose)),
      purpose_(purpose),
      newest_(purpose == RunPurpose::validate_initial ? std::nullopt : checkpoints_.newest()),
      beginning_(beginning_of(config, newest_.has_value())),
      state_(first_state()),
      trainer_(config, model_, numerics_of(config), [this](const auto& parameters) { expect_fit(parameters); }) {
  reader_.emplace(train_, batches_of(config));
  if (config.bleu_sentences > 0) translations_.emplace(config, vocabularies_, train_, notices_.line);
  if (newest_) {
    restore(*newest_);
  } else {
    trainer_.model().initialize(static_cast<uint64_t>(config.seed));
    if (beginning_) begin_with(*beginning_, vocabularies_, trainer_.model());
  }
}

RunState TrainingRun::first_state() const {
  RunState first;
  first.corpus_sha256 = train_.corpus_sha256();
  first.vocabulary_sha256 = train_.vocabulary_sha256();
  first.directions = config_.model.directions;
  first.micro_batches = config_.micro_batches;
  if (!newest_) {
    if (purpose_ == RunPurpose::train || beginning_) return first;
    throw Error::usage(fmt::format("{} has no checkpoint to validate; name another output, or a model by --init-from",
                                   config_.output));
  }
  RunState saved = checkpoints_.state(*newest_);
  if (saved.vocabulary_sha256.empty()) saved.vocabulary_sha256 = first.vocabulary_sha256;
  if (saved.directions.empty()) saved.directions = directions_of(train_);  // the only choice there was
  if (saved.micro_batches == 0) saved.micro_batches = first.micro_batches;
  expect_same_data(saved, first, config_);
  const std::vector<int64_t> kept = checkpoints_.steps();
  if (std::ranges::find(kept, saved.best_step) == kept.end()) {  // the best one was removed: the next one is the best
    saved.best_step = first.best_step;
    saved.best_loss = first.best_loss;
  }
  return saved;
}

void TrainingRun::expect_fit(const std::vector<Parameter>& parameters) const {
  if (newest_) checkpoints_.expect_arrays(*newest_, parameters);
  if (beginning_) expect_weights_of(*beginning_, parameters);
}

void TrainingRun::restore(int64_t step) {
  checkpoints_.load(step, trainer_.model());
  try {
    reader_->restore(state_.reader);
  } catch (const Error& error) {
    throw checkpoints_.damaged(step, error.what());
  }
  resumed_ = state_.progressed;
  saved_at_ = state_.progressed.seconds;
}

// ---- the loop -------------------------------------------------------------------------------------------------------

RunEnd TrainingRun::run(const std::atomic<bool>& stop) {
  begin();
  const RunEnd end = train_until(stop);
  start_log();
  if (end != RunEnd::interrupted) {
    if (state_.evaluated_step != steps()) evaluate();
    save();
  }
  log_->finish();
  if (end != RunEnd::interrupted) write_model();
  return end;
}

// Who asks to stop does not wait for an evaluation: the next process makes up for it.
RunEnd TrainingRun::train_until(const std::atomic<bool>& stop) {
  while (true) {
    if (stop) {
      save();
      return RunEnd::interrupted;
    }
    if (is_evaluation_due()) {
      evaluate();
      save();
    }
    if (budget_.done(state_.progressed) >= 1) return RunEnd::budget;
    if (config_.patience > 0 && state_.evaluations_since_best >= config_.patience) return RunEnd::patience;
    train_step();
    if (is_evaluation_due()) continue;
    if (state_.progressed.seconds - saved_at_ >= 60 * config_.checkpoint_minutes) save();
  }
}

bool TrainingRun::is_evaluation_due() const {
  return config_.evaluate_every > 0 && steps() > 0 && steps() % config_.evaluate_every == 0 &&
         state_.evaluated_step != steps();
}

void TrainingRun::begin() {
  make_folder(config_.output);
  if (!lock_) lock_ = std::make_unique<const RunLock>(config_.output);
  OutputFile out(config_.output + "/config.toml");
  out.write(config_text_);
  out.finish();
  if (dev_pairs_ == 0 && notices_.line) {
    notices_.line(fmt::format("{} has no pairs{}: nothing is evaluated, and the model will be the last checkpoint",
                              dev_.path(), dev_.pairs() == 0 ? "" : " of model.directions"));
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
  unsaved_ = true;
  is_sound_ = record.skipped == 0;
  skipped_ = record.skipped > 0 ? skipped_ + 1 : 0;
  if (skipped_ < kMostSkipped) return;
  // Steps that are skipped change no weight: a checkpoint since the last that was not has those that ended here, and
  // whoever went on from it would end so too.
  checkpoints_.remove_from(steps() - skipped_);
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
  record.name = (std::filesystem::path(config_.output) / "").parent_path().filename().string();  // also of "run/"
  record.config = config_text_;
  const std::string type = config_.precision == NumberPrecision::bf16 ? "bf16" : "f32";
  const int threads = usable_cores();
  record.machine = fmt::format("{}, {} {}, computing in {}", cpu::instruction_set(), threads,
                               threads == 1 ? "thread" : "threads", type);
  if (!unlogged_.empty()) {
    const double expected = std::round(unlogged_.back().source_tokens_per_second());
    record.machine += fmt::format("; expect {} source tokens/s", with_separators(static_cast<int64_t>(expected)));
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
  if (dev_pairs_ == 0) return;
  start_log();
  EvaluationRecord record = validate();
  count_time();
  warn_of_losses(record.took_seconds);
  if (translations_ && std::isfinite(record.loss)) {
    translations_->score(trainer_.model(), state_.progressed.seconds - resumed_.seconds, record);
    count_time();
  }
  state_.evaluated_step = steps();
  unsaved_ = true;
  if (record.loss < state_.best_loss) {
    state_.best_loss = record.loss;
    state_.best_step = steps();
    state_.evaluations_since_best = 0;
    is_sound_ = true;  // whatever the batch before was
  } else {
    ++state_.evaluations_since_best;
    is_sound_ = is_sound_ && std::isfinite(record.loss);
  }
  log_->evaluation(record);
}

// The first one is compiled and says nothing of the others.
void TrainingRun::warn_of_losses(double seconds) {
  if (++losses_ == 1) return;
  losses_seconds_ += seconds;
  const double share = losses_seconds_ / (state_.progressed.seconds - resumed_.seconds);
  if (warned_of_losses_ || config_.evaluate_share == 0 || share <= config_.evaluate_share) return;
  warned_of_losses_ = true;
  if (!notices_.warning) return;
  notices_.warning(
      fmt::format("the loss of dev takes {:.0f}% of the time, and translating may take {:g}%; raise "
                  "evaluate.every ({}) or lower evaluate.pairs ({})",
                  100 * share, 100 * config_.evaluate_share, config_.evaluate_every, config_.evaluate_pairs));
}

// ---- what is kept ---------------------------------------------------------------------------------------------------

void TrainingRun::save() {
  if (!unsaved_ || !is_sound_) return;
  start_log();
  log_->flush();
  count_time();
  state_.reader = reader_->state();
  checkpoints_.save(state_, trainer_.model());
  checkpoints_.prune(std::max(config_.keep, config_.average), state_.best_step);
  count_time();
  saved_at_ = state_.progressed.seconds;
  unsaved_ = false;
}

// The mean of the last checkpoints, or the best one.
void TrainingRun::write_model() const {
  std::vector<int64_t> steps = checkpoints_.steps();
  if (steps.empty()) {
    throw Error(
        ErrorKind::diverged,
        fmt::format("{}: the gradients or the loss of dev were not finite wherever it was to be saved, so there "
                    "is no model; begin again with a lower optimizer.rate",
                    config_.output));
  }
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
