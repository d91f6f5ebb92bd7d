#include "train/dev_translations.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/number_text.h"
#include "corpus/text_lines.h"
#include "corpus/text_pair.h"
#include "score/bleu.h"
#include "score/chrf.h"
#include "train/training_program.h"

namespace gshard {
namespace {

// Fewer say nothing.
constexpr size_t kFewest = 32;

// Of these directions, in an order that mixes documents and is the same in all runs.
std::map<std::string, std::vector<TextPair>> rows_by_direction(const std::string& path,
                                                               const std::vector<LanguagePair>& wanted) {
  std::map<std::string, std::vector<TextPair>> rows;
  TextLines lines(path);
  for (std::string line; lines.next(line);) {
    auto row = parse_row(line);
    if (row && is_wanted(direction_of(*row), wanted)) rows[direction_of(*row).name()].push_back(std::move(*row));
  }
  for (auto& [direction, list] : rows) {
    std::ranges::stable_sort(list, {}, [](const TextPair& row) { return fingerprint(row.source); });
  }
  return rows;
}

// Of each direction in turn, so that any number of the first ones has as many of each.
std::vector<TextPair> in_turn(std::map<std::string, std::vector<TextPair>> rows, size_t most) {
  std::vector<TextPair> turns;
  for (size_t i = 0, before = turns.max_size(); before != turns.size(); ++i) {
    before = turns.size();
    for (auto& [direction, list] : rows) {
      if (i < list.size() && turns.size() < most) turns.push_back(std::move(list[i]));
    }
  }
  return turns;
}

struct Scores {
  BleuCounts bleu;
  ChrfCounts chrf;
  int64_t sentences = 0;

  void add(const std::string& hypothesis, const std::string& reference) {
    bleu.add(bleu_counts(hypothesis, reference));
    chrf.add(chrf_counts(hypothesis, reference));
    ++sentences;
  }
};

}  // namespace

DevTranslations::DevTranslations(const TrainConfig& config, const Vocabularies& vocabularies, const TokenFile& train,
                                 const Progress& notice)
    : config_(config), vocabularies_(vocabularies), train_(train), notice_(notice) {
  rows_ = in_turn(rows_by_direction(part_path(config.corpus, Part::dev), config.model.parsed_directions()),
                  static_cast<size_t>(config.bleu_sentences));
}

size_t DevTranslations::affordable(double seconds) const {
  const size_t fewest = std::min(rows_.size(), kFewest);
  const double left = config_.evaluate_share * seconds - spent_;
  if (left <= 0) return 0;
  if (times_ == 0) return fewest;
  const auto count = static_cast<size_t>(std::min(left / each_, static_cast<double>(rows_.size())));
  if (count >= fewest) return count;
  return times_ == 1 ? fewest : 0;  // programs were compiled the first time: the next takes less
}

std::vector<std::string> DevTranslations::translate(const CompiledModel& training, size_t count) {
  if (!translator_) {
    TranslatorOptions options;
    options.decoder = {.model = transformer_of(config_, vocabularies_), .layout = layout_of(config_)};
    options.search.beam = 1;
    options.source_length = config_.model.source_length;
    options.target_length = config_.model.target_length;
    translator_.emplace(vocabularies_, options);
  }
  const auto begin = std::chrono::steady_clock::now();
  Decoder& decoder = translator_->translator().decoder();
  decoder.share_weights(training);
  std::vector<std::string> texts;
  const std::vector<TextPair> rows(rows_.begin(), rows_.begin() + static_cast<ptrdiff_t>(count));
  for (const TranslatedLine& line : translator_->translate(rows)) {
    texts.push_back(line.text());
  }
  decoder.drop_weights();  // or the next step would write its weights elsewhere
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  ++times_;
  spent_ += took;
  each_ = took / static_cast<double>(count);
  return texts;
}

void DevTranslations::add_scores(const std::vector<std::string>& texts, EvaluationRecord& record) const {
  Scores all;
  std::map<std::string, Scores> by_direction;
  for (size_t i = 0; i < texts.size(); ++i) {
    all.add(texts[i], rows_[i].target);
    by_direction[direction_of(rows_[i]).name()].add(texts[i], rows_[i].target);
  }
  record.bleu = bleu(all.bleu);
  record.chrf = chrf(all.chrf);
  for (const auto& [direction, scores] : by_direction) {
    LanguageRecord& language = language_of(direction, record);
    language.sentences = scores.sentences;
    language.bleu = bleu(scores.bleu);
    language.chrf = chrf(scores.chrf);
  }
}

LanguageRecord& DevTranslations::language_of(const std::string& direction, EvaluationRecord& record) const {
  const auto found = std::ranges::find(record.languages, direction, &LanguageRecord::direction);
  if (found != record.languages.end()) return *found;
  return record.languages.emplace_back(
      LanguageRecord{.direction = direction, .training_pairs = train_.pairs_of(direction)});
}

void DevTranslations::tell(int64_t step, size_t count) {
  if (told_ || count == rows_.size()) return;
  told_ = true;
  if (!notice_) return;
  notice_(fmt::format(
      "dev at step {}: {} of {} sentences translated, for that may take {:g}% of the time (evaluate.share)",
      with_separators(step), count == 0 ? "none" : std::to_string(count), rows_.size(), 100 * config_.evaluate_share));
}

void DevTranslations::score(const CompiledModel& training, double seconds, EvaluationRecord& record) {
  if (rows_.empty()) return;
  const double spent_before = spent_;
  std::vector<std::string> texts;
  // Once it is known how long some take, there may be time for more.
  for (size_t count; (count = affordable(seconds)) > texts.size();) texts = translate(training, count);
  record.took_seconds += spent_ - spent_before;
  if (!texts.empty()) add_scores(texts, record);
  tell(record.step, texts.size());
}

}  // namespace gshard
