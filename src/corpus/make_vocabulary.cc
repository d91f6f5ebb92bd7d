#include "corpus/make_vocabulary.h"

#include <fmt/format.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <iterator>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>
#include <unordered_map>

#include "base/error.h"
#include "base/random.h"
#include "runtime/output_file.h"
#include "corpus/sampler.h"
#include "corpus/text_lines.h"

namespace gshard {
namespace {

constexpr int32_t kSmallestVocabulary = 270;  // bytes, control pieces and a few letters
constexpr std::chrono::seconds kBetweenReports{5};

// Says every few seconds that the work goes on.
class Ticker {
 public:
  Ticker(std::string what, const Progress& progress)
      : what_(std::move(what)), progress_(progress), thread_([this] { run(); }) {}
  ~Ticker() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

 private:
  void run() {
    const auto start = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kBetweenReports, [&] { return done_; })) {
      const auto passed = std::chrono::steady_clock::now() - start;
      progress_(fmt::format("{}: {} s", what_, std::chrono::duration_cast<std::chrono::seconds>(passed).count()));
    }
  }

  std::string what_;
  const Progress& progress_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
  std::thread thread_;
};

class Sentences : public sentencepiece::SentenceIterator {
 public:
  explicit Sentences(const std::vector<std::string>& lines) : lines_(lines) {}
  bool done() const override { return at_ == lines_.size(); }
  void Next() override { ++at_; }
  const std::string& value() const override { return lines_[at_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& lines_;
  size_t at_ = 0;
};

struct Sample {
  std::vector<std::string> sources;
  std::vector<std::string> targets;
};

// Chooses exactly as many rows of each direction as were asked for, each with the same chance (Knuth's algorithm S).
Sample sample_lines(const std::string& folder, const CorpusSummary& summary, const VocabularyPlan& plan) {
  struct Left {
    int64_t rows;
    int64_t wanted;
  };
  std::vector<int64_t> available;
  const std::vector<DirectionCounts> directions = directions_of(summary);
  for (const DirectionCounts& counts : directions) available.push_back(counts.pairs[0]);
  const std::vector<int64_t> sizes = sample_sizes(available, plan.lines, plan.temperature);
  std::map<LanguagePair, Left> left;
  for (size_t i = 0; i < directions.size(); ++i) left[directions[i].direction] = {available[i], sizes[i]};

  Sample sample;
  TextLines lines(part_path(folder, Part::train));
  uint64_t row = 0;
  for (std::string line; lines.next(line); ++row) {
    auto pair = parse_row(line);
    if (!pair) throw Error::program("this row has not four columns; import the corpus again").at(lines.position(1));
    Left& of = left[{pair->source_language, pair->target_language}];
    const double chance = unit_interval(random_bits(plan.seed, row));
    if (chance * static_cast<double>(of.rows--) >= static_cast<double>(of.wanted)) continue;
    --of.wanted;
    sample.sources.push_back(std::move(pair->source));
    sample.targets.push_back(std::move(pair->target));
  }
  return sample;
}

// The pieces that are no text: "<2de>" for each target language where there are several, and the sources' where wanted.
std::vector<std::string> symbols_of(const CorpusSummary& summary, bool tags_target, bool tags_source) {
  std::vector<std::string> symbols;
  if (tags_target) {
    for (const std::string& language : targets_of(summary)) symbols.push_back(target_symbol(language));
  }
  if (tags_source) {
    std::set<std::string> languages;
    for (const OriginCounts& origin : summary.origins) languages.insert(origin.source_language);
    for (const std::string& language : languages) symbols.push_back(source_symbol(language));
  }
  return symbols;
}

// The digits behind a phrase; nothing where they are not there.
std::string number_behind(std::string_view text, std::string_view phrase) {
  const size_t at = text.find(phrase);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = text.substr(at + phrase.size());
  return std::string(rest.substr(0, std::min(rest.find_first_not_of("0123456789"), rest.size())));
}

// What SentencePiece says of a size that does not fit: "... Please set it to a value <= 5983.", and "Vocabulary size is
// smaller than required_chars. 270 vs 296. ...".
[[noreturn]] void fail_for_size(int32_t size, std::string_view reason) {
  if (const std::string most = number_behind(reason, "a value <= "); !most.empty()) {
    throw Error::usage(fmt::format("a vocabulary of {} is too large for this text; {} is the most", size, most));
  }
  if (const std::string least = number_behind(reason, fmt::format("required_chars. {} vs ", size)); !least.empty()) {
    throw Error::usage(
        fmt::format("a vocabulary of {} is too small: bytes and letters of this text need {}", size, least));
  }
  throw Error::usage(fmt::format("a vocabulary of {} cannot be made of this text: {}", size, reason));
}

// What one model is made of, and where it goes.
struct Lesson {
  const std::vector<std::string>& lines;
  int32_t size;
  std::vector<std::string> symbols;
  std::string path;
};

std::string train_model(const Lesson& lesson, const VocabularyPlan& plan) {
  const auto& [lines, size, symbols, path] = lesson;
  if (size < kSmallestVocabulary + static_cast<int32_t>(symbols.size())) {
    throw Error::usage(
        fmt::format("a vocabulary of {} is too small: 256 bytes, {} other symbols and the letters need {}", size,
                    symbols.size() + 4, kSmallestVocabulary + symbols.size()));
  }
  std::unordered_map<std::string, std::string> options = {
      {"vocab_size", std::to_string(size)},
      {"model_type", "unigram"},
      {"byte_fallback", "true"},
      {"character_coverage", fmt::format("{}", plan.coverage)},
      {"normalization_rule_name", "identity"},
      {"num_threads", std::to_string(std::clamp(plan.threads, 1, 128))},
      {"input_sentence_size", "0"},
      {"pad_id", std::to_string(kPadding)},
      {"unk_id", std::to_string(kUnknownPiece)},
      {"bos_id", std::to_string(kBegin)},
      {"eos_id", std::to_string(kEnd)},
      {"unk_surface", "\xef\xbf\xbd"},
      {"minloglevel", "2"}};
  if (!symbols.empty()) options["control_symbols"] = fmt::format("{}", fmt::join(symbols, ","));
  Sentences sentences(lines);
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(options, &sentences, &model);
  if (!status.ok()) fail_for_size(size, status.error_message());
  return model;
}

// A model that stands in its place once `file` is finished.
struct Learnt {
  Vocabulary vocabulary;
  OutputFile file;
};

Learnt learn(const Lesson& lesson, const VocabularyPlan& plan, const Progress& progress) {
  progress(fmt::format("learning {} pieces from {} lines", lesson.size, lesson.lines.size()));
  const Ticker ticker("learning pieces", progress);
  const std::string model = train_model(lesson, plan);
  Learnt learnt{Vocabulary::of_model(model, lesson.path), OutputFile(lesson.path)};
  learnt.file.write(model);
  learnt.file.close();
  return learnt;
}

}  // namespace

std::vector<int64_t> sample_sizes(const std::vector<int64_t>& available, int64_t lines, double temperature) {
  std::vector<int64_t> sizes(available.size(), 0);
  std::vector<bool> full(available.size(), false);
  int64_t left = lines;
  for (bool changed = true; changed && left > 0;) {
    changed = false;
    std::vector<int64_t> open = available;
    for (size_t i = 0; i < open.size(); ++i) open[i] = full[i] ? 0 : open[i];
    const std::vector<double> weights = sampling_weights(open, temperature);
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    const double share = total > 0 ? static_cast<double>(left) / total : 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (full[i]) continue;
      sizes[i] = std::llround(share * weights[i]);
      if (sizes[i] < available[i]) continue;
      sizes[i] = available[i];
      left -= available[i];
      full[i] = changed = true;
    }
  }
  return sizes;
}

Vocabularies make_vocabularies(const std::string& folder, const VocabularyPlan& plan, const Progress& progress) {
  const CorpusSummary summary = read_corpus(folder);
  Sample sample = sample_lines(folder, summary, plan);
  const bool tags_target = targets_of(summary).size() > 1;
  const std::vector<std::string> symbols = symbols_of(summary, tags_target, plan.tags_source);
  const auto describe = [&](const Vocabulary& source, const Vocabulary& target) {
    const Vocabularies made{source, target, plan.shared, tags_target, plan.tags_source, summary.sha256_of_all()};
    write_vocabulary_description(folder, made);
    return made;
  };
  if (plan.shared) {
    std::vector<std::string> lines = std::move(sample.sources);
    std::move(sample.targets.begin(), sample.targets.end(), std::back_inserter(lines));
    Learnt learnt = learn({lines, plan.source_size, symbols, shared_model_path(folder)}, plan, progress);
    learnt.file.finish();
    return describe(learnt.vocabulary, learnt.vocabulary);
  }
  Learnt source = learn({sample.sources, plan.source_size, symbols, source_model_path(folder)}, plan, progress);
  Learnt target = learn({sample.targets, plan.target_size, {}, target_model_path(folder)}, plan, progress);
  source.file.finish();
  target.file.finish();
  return describe(source.vocabulary, target.vocabulary);
}

}  // namespace gshard
