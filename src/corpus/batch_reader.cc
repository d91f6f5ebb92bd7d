#include "corpus/batch_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "base/error.h"
#include "corpus/vocabulary.h"

namespace gshard {
namespace {

// Pairs among which a row is filled: more of them leave less padding and keep a pair waiting for longer.
constexpr size_t kWaiting = 256;

const BatchOptions& checked(const BatchOptions& options) {
  const auto need = [](bool holds, const std::string& message) {
    if (!holds) throw Error::usage(message);
  };
  need(options.rows > 0 && options.source_length > 0 && options.target_length > 0,
       fmt::format("a batch of {} rows of {} source and {} target tokens is empty", options.rows, options.source_length,
                   options.target_length));
  need(options.ranks > 0 && options.rank >= 0 && options.rank < options.ranks,
       fmt::format("there is no rank {} of {}", options.rank, options.ranks));
  need(options.rows % options.ranks == 0,
       fmt::format("{} rows cannot be divided among {} ranks; take {} or {}", options.rows, options.ranks,
                   std::max<int64_t>(options.rows / options.ranks, 1) * options.ranks,
                   (options.rows / options.ranks + 1) * options.ranks));
  need(options.temperature > 0,
       fmt::format("the temperature of sampling is {}; it must be above 0", options.temperature));
  need(options.rows <= (int64_t{1} << 40) / (options.source_length + options.target_length),
       fmt::format("a batch of {} rows is too large", options.rows));
  return options;
}

TokenFile::Lengths room_of(const BatchOptions& options) { return {options.source_length, options.target_length}; }

Batch empty_batch(const BatchOptions& options) {
  Batch batch;
  batch.rows = options.rows / options.ranks;
  batch.source_length = options.source_length;
  batch.target_length = options.target_length;
  const auto sources = static_cast<size_t>(batch.rows * batch.source_length);
  const auto targets = static_cast<size_t>(batch.rows * batch.target_length);
  for (auto* array : {&batch.source, &batch.source_segments, &batch.source_positions}) array->assign(sources, 0);
  for (auto* array : {&batch.target_inputs, &batch.target_labels, &batch.target_segments, &batch.target_positions}) {
    array->assign(targets, 0);
  }
  batch.weights.assign(targets, 0);
  batch.numbers.resize(static_cast<size_t>(batch.rows));
  return batch;
}

// A token of a file that may be damaged in ways that its checksums do not show.
int32_t token_in(int32_t id, int32_t vocabulary, const TokenFile& tokens) {
  if (id >= 0 && id < vocabulary) return id;
  throw Error::program(fmt::format("{}: token {} is outside of its vocabulary of {}", tokens.path(), id, vocabulary));
}

// Writes a row of pairs into a batch, where it has this number.
void fill_row(Batch& batch, int64_t row, const PackedRow& pairs, const TokenFile& tokens) {
  auto source_at = static_cast<size_t>(row * batch.source_length);
  auto target_at = static_cast<size_t>(row * batch.target_length);
  int32_t segment = 0;
  for (const PackedPair& packed : pairs) {
    const TokenPair pair = tokens.pair(packed.pair);
    ++segment;
    batch.numbers[static_cast<size_t>(row)].push_back(packed.pair);
    // What is cut still ends where a sentence ends.
    const auto token = [&](const TokenView& view, int64_t count, int64_t i, int32_t vocabulary) {
      return i + 1 == count ? kEnd : token_in(view[static_cast<size_t>(i)], vocabulary, tokens);
    };
    for (int64_t i = 0; i < packed.lengths.source; ++i, ++source_at) {
      batch.source[source_at] = token(pair.source, packed.lengths.source, i, tokens.source_vocabulary());
      batch.source_segments[source_at] = segment;
      batch.source_positions[source_at] = static_cast<int32_t>(i);
    }
    int32_t before = kBegin;
    for (int64_t i = 0; i < packed.lengths.target; ++i, ++target_at) {
      batch.target_inputs[target_at] = before;
      before = token(pair.target, packed.lengths.target, i, tokens.target_vocabulary());
      batch.target_labels[target_at] = before;
      batch.target_segments[target_at] = segment;
      batch.target_positions[target_at] = static_cast<int32_t>(i);
      batch.weights[target_at] = 1;
    }
    batch.source_tokens += packed.lengths.source;
    batch.target_tokens += packed.lengths.target;
  }
  batch.pairs += segment;
}

SamplerOptions sampler_options(const BatchOptions& options) {
  return {options.seed, options.temperature, room_of(options), options.long_pairs, options.directions};
}

}  // namespace

std::string ReaderState::to_string() const {
  const nlohmann::ordered_json json = {
      {"batches", batches}, {"draws", position.draws}, {"taken", position.taken}, {"waiting", waiting}};
  return json.dump();
}

ReaderState ReaderState::parse(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    return {{json.at("draws"), json.at("taken")}, json.at("waiting"), json.at("batches")};
  } catch (const nlohmann::json::exception& error) {
    throw Error::program(fmt::format("the position in the text is damaged: {}", error.what()));
  }
}

BatchReader::BatchReader(const TokenFile& tokens, const BatchOptions& options)
    : tokens_(tokens),
      options_(checked(options)),
      sampler_(tokens, sampler_options(options)),
      packer_(room_of(options)) {
  long_pairs_ = sampler_.long_pairs();
  state_.position = sampler_.position();
  start();
}

BatchReader::~BatchReader() { stop(); }

void BatchReader::start() {
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void BatchReader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void BatchReader::run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] {
        return stopping_ || static_cast<int64_t>(ready_.size()) < std::max<int64_t>(options_.ahead, 1);
      });
      if (stopping_) return;
    }
    try {
      Prepared prepared = prepare();
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(prepared));
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      stopping_ = true;
    }
    wake_.notify_all();
  }
}

BatchReader::Prepared BatchReader::prepare() {
  Batch batch = empty_batch(options_);
  const int64_t first = options_.rank * batch.rows;
  for (int64_t row = 0; row < options_.rows; ++row) {
    while (packer_.waiting() < kWaiting) {
      const int64_t pair = sampler_.next();
      packer_.add({pair, sampler_.lengths(pair)});
    }
    const PackedRow pairs = packer_.next_row();
    if (row >= first && row < first + batch.rows) fill_row(batch, row - first, pairs, tokens_);
  }
  ReaderState state{sampler_.position(), {}, ++prepared_};
  for (const PackedPair& waiting : packer_.pairs()) state.waiting.push_back(waiting.pair);
  return {std::move(batch), std::move(state)};
}

Batch BatchReader::next() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return !ready_.empty() || failure_; });
  if (ready_.empty()) std::rethrow_exception(failure_);
  Prepared prepared = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  wake_.notify_all();
  state_ = std::move(prepared.state);
  source_tokens_ += prepared.batch.source_tokens;
  target_tokens_ += prepared.batch.target_tokens;
  ++given_;
  return std::move(prepared.batch);
}

// The thread must not be stopped for a state that cannot be restored.
void BatchReader::check(const ReaderState& state) const {
  const auto outside = [&](int64_t pair) { return pair < 0 || pair >= tokens_.pairs(); };
  const bool belongs = state.position.taken.size() == tokens_.directions().size() &&
                       std::none_of(state.waiting.begin(), state.waiting.end(), outside);
  if (belongs) return;
  throw Error::program(
      fmt::format("the position was saved of another text than {}, which has {} pairs in {} directions", tokens_.path(),
                  tokens_.pairs(), tokens_.directions().size()));
}

void BatchReader::restore(const ReaderState& state) {
  check(state);
  stop();
  ready_.clear();
  failure_ = nullptr;
  packer_.clear();
  sampler_.go_to(state.position);
  for (const int64_t pair : state.waiting) {
    packer_.add({pair, sampler_.lengths(pair)});
  }
  prepared_ = state.batches;
  state_ = state;
  start();
}

PaddingShares BatchReader::padding() const {
  const auto share = [&](int64_t tokens, int64_t length) {
    const int64_t places = given_ * (options_.rows / options_.ranks) * length;
    return places == 0 ? 0 : 1 - static_cast<double>(tokens) / static_cast<double>(places);
  };
  return {share(source_tokens_, options_.source_length), share(target_tokens_, options_.target_length)};
}

PassReader::PassReader(const TokenFile& tokens, const BatchOptions& options, int64_t most_pairs)
    : tokens_(tokens),
      options_(checked(options)),
      packer_(room_of(options)),
      wanted_(pairs_of(tokens, options.directions)),
      pairs_(std::min(wanted_, std::max<int64_t>(most_pairs, 0))) {
  options_.ranks = 1;
}

int64_t PassReader::pair_at(int64_t number) const {
  for (const auto& range : tokens_.directions()) {
    if (!is_wanted(range.direction, options_.directions)) continue;
    if (number < range.count) return range.first + number;
    number -= range.count;
  }
  GSHARD_CHECK(false, "a number behind the last pair");
}

std::optional<Batch> PassReader::next() {
  Batch batch = empty_batch(options_);
  for (int64_t row = 0; row < batch.rows; ++row) {
    while (packer_.waiting() < kWaiting && at_ < pairs_) {
      const int64_t pair = pair_at(static_cast<int64_t>(static_cast<__int128>(at_++) * wanted_ / pairs_));
      const TokenFile::Lengths lengths = tokens_.lengths(pair);
      packer_.add(
          {pair, {std::min(lengths.source, options_.source_length), std::min(lengths.target, options_.target_length)}});
    }
    fill_row(batch, row, packer_.next_row(), tokens_);
  }
  if (batch.pairs == 0) return std::nullopt;
  return batch;
}

}  // namespace gshard
